"""python -m lora_np compare: the experiments, each over several seeds, with its spread."""

import importlib

from .common import positive, prepare, show, write_json

EXPERIMENTS = ("methods", "methods_text", "distillation", "context", "rlhf", "patterns", "raft")


def add(commands):
    parser = commands.add_parser(
        "compare",
        help="experiments: what moves, what teaches, what it reads",
        description="Run one experiment, or every one and a summary of the whole list.",
    )
    parser.add_argument("experiment", nargs="?", choices=EXPERIMENTS, metavar="EXPERIMENT",
                        help="one of: " + ", ".join(EXPERIMENTS) + " (default: all)")  # fmt: skip
    parser.add_argument("--seeds", type=positive, default=5, help="how many (default 5)")
    parser.add_argument("--quick", action="store_true", help="small and short: under 30 s each")
    parser.add_argument("--plot", metavar="FILE", help="draw the experiment's figure to FILE")
    return parser


def run(options):
    if options.plot and not options.experiment:
        raise ValueError("--plot draws one experiment's figure: name the experiment")
    prepare()
    results, screens = {}, []
    for name in [options.experiment] if options.experiment else EXPERIMENTS:
        experiment = load(name)
        results[name] = experiment.run(options.seeds, options.quick)
        screens.append(experiment.table(results[name]))
    if options.plot:
        from ..plots import save

        save(experiment.figure(results[name]), options.plot)
    if not options.experiment:
        screens.append(load("summary").table(results))
    numbers = results[options.experiment] if options.experiment else results
    if options.out:
        write_json(options.out, numbers)
    show(options, numbers, "\n\n".join(screens))


def load(name):
    """A module of `experiments`, imported only when it runs: it brings matplotlib with it."""
    return importlib.import_module(f"..experiments.{name}", __package__)
