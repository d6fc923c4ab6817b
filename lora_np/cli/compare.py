"""python -m lora_np compare: the experiments, each over several seeds, with its spread."""

from pathlib import Path

from ..course.experiments import EXPERIMENTS, load, trained_by
from ..system.process import prepare
from ..system.progress import waiting
from .options import add_experiment, again, positive, seeds_of, write_and_show

RUNS = "out/compare"


def add(commands):
    parser = commands.add_parser(
        "compare",
        help="experiments: what moves, what teaches, what it reads",
        description="Run one experiment, or every one and a summary of the whole list, on all "
        "cores. Each run is kept in --runs as it ends; the same command goes on from there.",
    )
    quick = "small and short: under 30 s each, nothing tuned, nothing kept"
    add_experiment(parser, EXPERIMENTS, 5, quick, default=" (default: all)", nargs="?")
    option = parser.add_argument
    option("--runs", metavar="DIR", help=f"default {RUNS}")
    option("--processes", type=positive, help="how many at once (default: all cores)")
    option("--plot", metavar="FILE", help="draw the experiment's figure to FILE")
    return parser


def run(options):
    if options.plot and not options.experiment:
        raise ValueError("--plot draws one experiment's figure: name the experiment")
    if options.seed:
        raise ValueError("compare reports the seeds from 0 on: leave --seed out, or give --seeds")
    seeds = seeds_of(options, "runs", "processes")
    prepare()
    results, screens = {}, []
    options.done = results
    where = {"directory": None if options.quick else Path(options.runs or RUNS)}
    where["processes"] = options.processes
    for name in [options.experiment] if options.experiment else EXPERIMENTS:
        if (study := trained_by(name)) not in results:
            with waiting(f"{study}, seeds: {seeds}"):
                results[study] = load(study).run(seeds, options.quick, **where)
        screens.append(load(name).table(results[study]))
    if options.plot:
        from ..analysis.plots import save

        save(load(options.experiment).figure(results[study]), options.plot)
    if not options.experiment:
        screens.append(load("summary").table(results))
    numbers = results[study] if options.experiment else results
    write_and_show(options, numbers, "\n\n".join(screens))


def kept(options):
    """What Ctrl-C left: the tables of the experiments that ended, and how to have the others."""
    done = getattr(options, "done", {})
    tables = [
        load(name).table(done[study]) for name in EXPERIMENTS if (study := trained_by(name)) in done
    ]
    what = "Nothing else is kept; again with"
    if not options.quick:
        what = f"Each run that ended is kept in {options.runs or RUNS}; the same command goes on"
    ended = ["These had ended:", *tables] if tables else []
    return "\n\n".join([*ended, f"{what}: {again(options)}"])
