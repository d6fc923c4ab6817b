"""The protocol that every comparison keeps (`notebooks/PROTOCOL.md` says why), in one piece.

    evidence = compare(study, seeds)

1. Tune. Each way of a study gets as many runs as every other, on seeds that are never reported,
   and is scored on a validation split. They begin at three rates, half a decade apart. While the
   best of them is at an edge, the next lies beyond it; then they halve the gap beside the best.
2. Choose: the lowest point of the parabola through the best and its two neighbours, in the
   logarithm of the rate. Its interval lies between those neighbours.
3. Report. New seeds, the same for each way, are scored on a test split: differences are of pairs.

A run is a cell of a sweep: it uses every core, and what is done is kept.
"""

import functools
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...recipes.sweep import sweep
from ...system.checks import check_whole
from ...system.platform import cpu_seconds
from ...system.process import kernel, prepare

STEP = math.sqrt(10)  # between two rates: half a decade
TRIALS = 6
TUNING_SEEDS = (100,)


@dataclass(frozen=True)
class Study:
    """Ways that are compared, each over rates and seeds.

    `run(cell)` trains one way once, and returns plain numbers for JSON. A cell is `settings` with
    "way", "lr" and "seed". "validation" in what is returned is what tuning lowers, None where
    training diverged. `run` is a module's function, so that new processes find it, and all that it
    depends on stands in the cell.
    """

    name: str
    run: Callable
    rates: dict[str, float]  # {way: where its search begins}
    settings: dict = field(default_factory=dict)
    trials: int = TRIALS
    tuning_seeds: tuple[int, ...] = TUNING_SEEDS

    def cell(self, way, lr, seed):
        """All that a run depends on."""
        what = {"study": self.name, "way": way, "lr": float(f"{lr:.4g}"), "seed": seed}
        return what | {"kernel": kernel(), "code": code()} | self.settings


def compare(study, seeds=5, directory=None, processes=None):
    """Tune every way of the study, then run it with `seeds` new seeds at its own rate; a dict.

    {"study", "seeds", "settings", "cpu_seconds", "ways": {way: {"lr", "between", "inside", "tried",
    "runs"}}}: `tried` is {rate: validation}, `between` the interval of the best rate, `inside`
    whether it has a worse neighbour on either side, `runs` what each seed's run returned.
    `directory` keeps each run as it ends, in a folder of the study's name, and a second call goes
    on from there; None runs everything in this process and keeps nothing.
    Raises: ValueError for seeds below 1. Unfinished, see `sweep`.
    """
    check_whole("expected seeds", seeds)
    chosen, spent = tune(study, directory, processes)
    cells = [
        study.cell(way, how["lr"], seed) for seed in range(seeds) for way, how in chosen.items()
    ]
    found = results_of(study.run, directory, study.name, processes, cells)
    runs = np.array(found, dtype=object).reshape(seeds, len(chosen)).T.tolist()
    spent += sum(run["cpu_seconds"] for run in found)
    ways = {way: {**how, "runs": each} for (way, how), each in zip(chosen.items(), runs)}
    head = {"study": study.name, "seeds": seeds, "settings": study.settings, "kernel": kernel()}
    return head | {"cpu_seconds": round(spent, 1), "ways": ways}


def tune(study, directory=None, processes=None):
    """({way: {"lr", "between", "inside", "tried"}}, the processor's seconds that it took)."""
    tried, spent = {way: {} for way in study.rates}, 0.0
    while todo := [
        (way, lr)
        for way, usual in study.rates.items()
        for lr in next_rates(tried[way], usual, study.trials)
    ]:
        # A seed's cells one after the other: what they share is made once in a process, and kept
        cells = [study.cell(way, lr, seed) for seed in study.tuning_seeds for way, lr in todo]
        found = results_of(study.run, directory, study.name, processes, cells)
        spent += sum(result["cpu_seconds"] for result in found)
        scores = np.reshape([validation(result) for result in found], (-1, len(todo)))
        for (way, lr), score in zip(todo, scores.mean(axis=0)):
            tried[way][lr] = float(score)
    return {way: best_rate(tried[way], study.rates[way]) for way in study.rates}, spent


def results_of(run, directory, name, processes, cells):
    """What `run` returned for each cell, and the processor's seconds that it took."""
    run = functools.partial(timed, run)
    if directory is None:
        return [run(cell) for cell in cells]
    return sweep(cells, run, Path(directory, name), processes=processes)


def timed(run, cell):
    prepare()
    start = cpu_seconds()
    try:
        result = run(cell)
    except FloatingPointError:  # training diverged
        result = {"validation": None}
    return {**result, "cpu_seconds": round(cpu_seconds() - start, 2)}


def validation(result):
    score = result["validation"]
    return math.inf if score is None or not math.isfinite(score) else score


def next_rates(tried, usual, trials):
    """The rates to try next; none when `trials` of them are done. `tried` is {rate: validation}."""
    if trials < 3:  # nothing is tuned
        return []
    if not tried:
        return [usual / STEP, usual, usual * STEP]
    if len(tried) >= trials:
        return []
    rates = sorted(tried)
    at = rates.index(min(rates, key=tried.get))
    if at == 0:
        return [rates[0] / STEP]
    if at == len(rates) - 1:
        return [rates[-1] * STEP]
    below, best, above = rates[at - 1 : at + 2]
    gaps = math.log(best / below), math.log(above / best)
    if math.isclose(*gaps, rel_tol=1e-3):  # then towards the better neighbour
        return [math.sqrt(best * (below if tried[below] < tried[above] else above))]
    return [math.sqrt(best * (below if gaps[0] > gaps[1] else above))]


def best_rate(tried, usual):
    """{"lr", "between", "inside", "tried"} of one way."""
    if not tried:
        return {"lr": usual, "between": None, "inside": False, "tried": {}}
    rates = sorted(tried)
    at = rates.index(min(rates, key=tried.get))
    inside = 0 < at < len(rates) - 1
    around = rates[max(0, at - 1) : at + 2]
    lr = lowest_point(around, [tried[rate] for rate in around]) if inside else rates[at]
    shown = {f"{rate:.4g}": finite(tried[rate]) for rate in rates}
    between = [float(f"{rate:.4g}") for rate in (around[0], around[-1])]
    return {"lr": float(f"{lr:.4g}"), "between": between, "inside": inside, "tried": shown}


def finite(score):
    return score if math.isfinite(score) else None


def lowest_point(rates, scores):
    """Where the parabola through three points is lowest, in the logarithm of the rate.

    The middle one is the lowest of the three, so it lies between the outer two. If one of those
    diverged, no parabola goes through it: then the middle one.
    """
    if not np.isfinite(scores).all() or scores[0] == scores[1] == scores[2]:
        return rates[1]
    (a, b, c), (fa, fb, fc) = np.log(rates), scores
    up, down = (b - a) ** 2 * (fb - fc) - (b - c) ** 2 * (fb - fa), (b - a) * (fb - fc)
    return math.exp(b - 0.5 * up / (down - (b - c) * (fb - fa)))


@functools.cache
def code():
    """A digest of the package's source: what other code left in a folder is not taken for ours."""
    digest, package = hashlib.sha256(), Path(__file__).parents[2]
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def by_seed(evidence, way, measure):
    """(seeds,) numbers: `measure(run)`, or the run's entry of that name."""
    pick = measure if callable(measure) else lambda run: run[measure]
    return np.array([pick(run) for run in evidence["ways"][way]["runs"]])


def rates_table(evidence):
    """Rows (way, rate, the interval of the best rate, rates tried)."""
    for way, how in evidence["ways"].items():
        low, high = how["between"] or (how["lr"], how["lr"])
        edge = "" if how["inside"] else ", at the edge" if how["tried"] else ", not tuned"
        yield way, f"{how['lr']:.2g}", f"{low:.2g} to {high:.2g}{edge}", len(how["tried"])


def without_runs(evidence):
    """How each way was tuned, for `rates_table`, where the runs are kept in another form."""
    ways = {
        way: {name: value for name, value in how.items() if name != "runs"}
        for way, how in evidence["ways"].items()
    }
    return {"kernel": evidence["kernel"], "ways": ways}
