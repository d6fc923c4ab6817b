"""python -m lora_np real: fine-tunes of a real language model, scored before and after."""

import importlib

from ..checkpoint import save_adapter
from .common import make_directory, positive, prepare, show, write_json

EXPERIMENTS = ("skill", "context", "raft", "nf4")


def add(commands):
    parser = commands.add_parser(
        "real",
        help="fine-tune a real language model (SmolLM2) in minutes, before and after",
        description="Fine-tune SmolLM2-135M-Instruct: a skill (sentences into JSON), a system "
        "prompt distilled into an adapter (context), reading what a search finds (raft), or see "
        "what 4 bits do to it (nf4). A few minutes of one processor a seed.",
    )
    parser.add_argument("experiment", choices=EXPERIMENTS, metavar="EXPERIMENT",
                        help="one of: " + ", ".join(EXPERIMENTS))  # fmt: skip
    parser.add_argument("--seeds", type=positive, default=1, help="how many (default 1)")
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it works")
    parser.add_argument("--adapter", metavar="DIR", help="keep the last seed's adapter, for chat")
    return parser


def run(options):
    prepare("smollm2")
    directory = make_directory(options.adapter) if options.adapter else None
    experiment = load(options.experiment)

    def progress(text):
        if not options.json:
            print(text, flush=True)

    numbers, model = experiment.run(
        options.seeds, options.quick, progress=progress, first=options.seed
    )
    if directory:
        save_adapter(model, directory)
    if options.out:
        write_json(options.out, numbers)
    screen = experiment.table(numbers)
    if directory:
        screen += f"\n\nwrote {directory}; try: python -m lora_np chat --adapter {directory}"
    show(options, numbers, screen)


def load(name):
    return importlib.import_module(f"..experiments.real.{name}", __package__)
