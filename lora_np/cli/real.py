"""python -m lora_np real: fine-tunes of a real language model, scored before and after."""

from contextlib import nullcontext

from ..checkpoint import save_adapter
from ..course.experiments import load
from ..system.hints import command
from ..system.process import prepare
from .folders import made
from .options import add_experiment, seeds_of, write_and_show
from .out import new_folder

EXPERIMENTS = ("skill", "context", "raft", "nf4")


def add(commands):
    parser = commands.add_parser(
        "real",
        help="fine-tune a real language model (SmolLM2) in minutes, before and after",
        description="Fine-tune SmolLM2-135M-Instruct: a skill (sentences into JSON), a system "
        "prompt distilled into an adapter (context), reading what a search finds (raft), or see "
        "what 4 bits do to it (nf4). A few minutes of one processor a seed.",
    )
    add_experiment(parser, EXPERIMENTS, 1, "a few steps, to see that it works")
    parser.add_argument("--adapter", metavar="DIR", help="keep the last seed's adapter, for chat")
    return parser


def run(options):
    seeds = seeds_of(options)
    if options.adapter:
        new_folder("--adapter", options.adapter)
    prepare("smollm2")
    with made(options.adapter) if options.adapter else nullcontext() as directory:
        numbers, screen = tuned(options, seeds, directory)
    write_and_show(options, numbers, screen)


def tuned(options, seeds, directory):
    """(the experiment's numbers, what the screen says); its adapter is in `directory`, if any."""
    experiment = load(f"real.{options.experiment}")

    def progress(text):
        if not options.json:
            print(text, flush=True)

    how = {"progress": progress, "first": options.seed}
    numbers, model = experiment.run(seeds, options.quick, **how)
    screen = experiment.table(numbers)
    if directory:
        save_adapter(model, directory)
        screen += f"\n\nwrote {directory}; try: {command('chat', '--adapter', directory)}"
    return numbers, screen
