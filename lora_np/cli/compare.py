"""python -m lora_np compare: the experiments, each over several seeds, with its spread."""

import importlib

from ..system.process import prepare
from ..system.progress import waiting
from .options import add_experiment, again, keeps_nothing, write_and_show

EXPERIMENTS = ("methods", "methods_text", "distillation", "context", "rlhf", "patterns", "raft")


def add(commands):
    parser = commands.add_parser(
        "compare",
        help="experiments: what moves, what teaches, what it reads",
        description="Run one experiment, or every one and a summary of the whole list.",
    )
    quick = "small and short: under 30 s each"
    add_experiment(parser, EXPERIMENTS, 5, quick, default=" (default: all)", nargs="?")
    parser.add_argument("--plot", metavar="FILE", help="draw the experiment's figure to FILE")
    return parser


def run(options):
    if options.plot and not options.experiment:
        raise ValueError("--plot draws one experiment's figure: name the experiment")
    prepare()
    results, screens = {}, []
    options.done = results
    for name in [options.experiment] if options.experiment else EXPERIMENTS:
        experiment = load(name)
        with waiting(f"{name}, {options.seeds} seeds"):
            results[name] = experiment.run(options.seeds, options.quick)
        screens.append(experiment.table(results[name]))
    if options.plot:
        from ..analysis.plots import save

        save(experiment.figure(results[name]), options.plot)
    if not options.experiment:
        screens.append(load("summary").table(results))
    numbers = results[options.experiment] if options.experiment else results
    write_and_show(options, numbers, "\n\n".join(screens))


def kept(options):
    """What Ctrl-C left: the tables of the experiments that ended, and how to have the others."""
    results = getattr(options, "done", {})
    if options.experiment or not results:
        return keeps_nothing(options)
    tables = [load(name).table(numbers) for name, numbers in results.items()]
    todo = [name for name in EXPERIMENTS if name not in results]
    commands = "\n".join(f"  {again(options, name)}" for name in todo)
    return "\n\n".join(["These had ended:", *tables, f"Go on with:\n{commands}"])


def load(name):
    """A module of `experiments`, imported only when it runs: it brings matplotlib with it."""
    return importlib.import_module(f"..course.experiments.{name}", __package__)
