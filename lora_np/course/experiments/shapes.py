"""Does any shape of ΔW beat a tuned LoRA at the same number of trained numbers?

Every method that writes a ΔW for the Linears of every block, at a budget: what LoRA trains at a
rank. Of each method's settings the one whose count lies nearest the budget is taken, and none where
that is off by more than half. Each has a rate of its own, found by the protocol.

| task | what it is | scored by | as LoRA r |
|---|---|---|---|
| strings | the base of skills memorises random answers (`capacity`) | nats a digit | 1, 4, 16 |
| code | the base of prose learns Python (`methods_text`) | nats a byte, held out | 1, 4, 16 |

Those that end behind LoRA on code at r 4 (`BEHIND`) are not run there at 1 and 16.
AdaLoRA keeps all its triplets here: the loop has no allocation around AdamW. α is not tuned.

PEFT's own comparison (method_comparison/MetaMathQA in its repository) trains Llama-3.2-3B on
mathematics: another task, a model thousands of times larger, one seed each and no rate tuned.
"""

import functools

import numpy as np

from ... import methods
from ...analysis.plots import style, subplots
from ...checkpoint import load_base
from ...methods import LoRA
from . import skill_runs
from .capacity import to_memorise
from .common import caveat, look, paired, seed_count, spread, text_table, told_apart
from .protocol import Study, by_seed, compare, rates_table
from .real_text import TEST, TUNE, Way, compared, is_tuning, learn
from .real_text import losses as text_losses

ALPHA = 64  # at which LoRA holds more than at α = r (experiment "alpha")
BASES = {"strings": skill_runs.base, "code": functools.cache(load_base)}
WHERE = [(task, budget) for task in BASES for budget in (1, 4, 16)]  # LoRA's rank
BEHIND = "GraLoRA VB-LoRA LoHa OFT BOFT HRA FourierFT SHiRA C3A".split()
NEAR = 1.5  # a count this many times a budget, or one of so many parts of it, is not at it
RANKS = (1, 2, 4, 8, 16, 32)
SETTINGS = {  # of each method: how it is made from one whole number, and which are tried
    "LoRA": (lambda r: LoRA(r, ALPHA, "all-linear"), RANKS),
    "DoRA": (lambda r: methods.DoRA(r, ALPHA, "all-linear"), RANKS),
    "AdaLoRA": (lambda r: methods.AdaLoRA(r, ALPHA), RANKS),
    "DeLoRA": (methods.DeLoRA, RANKS),
    "GraLoRA": (lambda r: methods.GraLoRA(2 * r, 2 * ALPHA, 2), RANKS),
    "MiSS": (methods.MiSS, RANKS),
    "VeRA": (methods.VeRA, (64,)),
    "RandLoRA": (lambda r: methods.RandLoRA(r, 20.0 * r), RANKS),
    "VB-LoRA": (lambda n: methods.VBLoRA(4, n), (8, 16, 32, 64, 128, 256)),
    "LoHa": (lambda r: methods.LoHa(r, ALPHA), RANKS),
    "LoKr": (lambda r: methods.LoKr(r, ALPHA), RANKS),
    "HiRA": (methods.HiRA, RANKS),
    "OFT": (methods.OFT, (2, 4, 8, 16, 32, 64)),
    "BOFT": (lambda b: methods.BOFT(b, 2), (2, 4, 8, 16)),
    "HRA": (lambda r: methods.HRA(2 * r), RANKS),
    "RoAd": (lambda k: methods.RoAd(variant=f"road_{k}"), (1, 2, 4)),
    "FourierFT": (methods.FourierFT, (64, 128, 256, 512, 1024, 2048)),
    "SHiRA": (methods.SHiRA, RANKS),
    "C3A": (methods.C3A, (2, 4, 8, 16, 32, 64)),
}
SIZES = {"strings": 96, "string_steps": 200, "steps": 40, "batch": 4, "length": 96, "windows": 32}
QUICK = {"strings": 8, "string_steps": 2, "steps": 2, "batch": 2, "length": 32, "windows": 2}
RATES = {method.name: method.rate for method in methods.METHODS} | {
    # where the stored runs began to search; what they found are these methods' rates now
    "miss": 3e-3, "hira": 3e-2, "oft": 5e-3, "hra": 3e-2, "fourierft": 1e-2, "shira": 1e-2,
    "c3a": 3e-1, "vblora": 1e-2,
}  # fmt: skip


@functools.cache
def settings():
    """{way: the method}: each task and budget that a method can be had at."""
    found = {}
    for task, budget in WHERE:
        wanted = count(LoRA(budget, ALPHA, "all-linear"), task)
        for name, (make, sizes) in SETTINGS.items():
            if task == "code" and budget != 4 and name in BEHIND:
                continue
            tried = [method for method in map(make, sizes) if count(method, task)]
            off = [abs(np.log(count(method, task) / wanted)) for method in tried]
            if off and min(off) <= np.log(NEAR):
                found[way(name, task, budget)] = tried[int(np.argmin(off))]
    return found


@functools.cache
def count(method, task):
    """The numbers that the method trains on the task's base; 0 where its widths do not allow it."""
    try:
        return skill_runs.trained(method.apply(BASES[task](), np.random.default_rng(0)))
    except ValueError:
        return 0


def way(name, task, budget):
    return f"{name}; {task}, as LoRA r {budget}"


def run_cell(cell):
    """One method at one budget; "validation" is what tuning lowers, "loss" what is reported."""
    method = settings()[cell["way"]]
    return (on_strings if "; strings" in cell["way"] else on_code)(method, cell)


def on_strings(method, cell):
    """Memorise the seed's own strings. Another seed's are other strings, so tuning sees none."""
    strings, rng = to_memorise(cell["strings"], cell["seed"]), np.random.default_rng(cell["seed"])
    model = method.apply(skill_runs.base(), rng)
    cpu_ms = skill_runs.adapt(model, strings, cell["string_steps"], cell["lr"], rng)
    left = skill_runs.loss_on(model, strings.rows())
    return {
        "validation": left,
        "loss": left,
        "trained": skill_runs.trained(model),
        "cpu_ms": cpu_ms,
    }


def on_code(method, cell):
    """A run that only tunes never reads the test half."""
    model, result = learn(Way(method, cell["lr"]), cell, along=1)
    result["validation"] = text_losses(model, cell, (TUNE,))[TUNE]
    kept = {name: result[name] for name in ("validation", "trained", "cpu_ms")}
    return kept if is_tuning(cell) else kept | {"loss": compared(model, cell)["after"][TEST]}


def run(seeds=5, quick=False, directory=None, processes=None):
    """Tune every method at every budget, then report new seeds; numbers for JSON.

    `quick` takes one seed, 2 steps, and does not tune.
    Raises: ValueError for seeds below 1.
    """
    seeds, sizes, trials = (1, QUICK, 0) if quick else (seeds, SIZES, 5)
    rates = {each: RATES[method.name] for each, method in settings().items()}
    study = Study("shapes", run_cell, rates, sizes, trials)
    return {"quick": quick, **compare(study, seeds, directory, processes)}


def again(numbers, seeds=5, directory=None, processes=None):
    """What carries the conclusions, r 4, by another kernel at the rates that these runs tuned."""
    rates = {each: how["lr"] for each, how in numbers["ways"].items() if each.endswith("r 4")}
    study = Study("shapes", run_cell, rates, numbers["settings"], trials=0)
    return {"quick": False, **compare(study, seeds, directory, processes)}


def ran(numbers):
    """The tasks and budgets that these runs have."""
    return [each for each in WHERE if way("LoRA", *each) in numbers["ways"]]


def there(numbers, task, budget):
    """The methods that ran at this budget."""
    return [name for name in SETTINGS if way(name, task, budget) in numbers["ways"]]


def losses(numbers, name, task, budget):
    """(seeds,) nats a digit that was to be memorised, or a byte of code held out."""
    return by_seed(numbers, way(name, task, budget), "loss")


def table(numbers):
    """By task and budget: loss, its difference from LoRA's in pairs, time of a step over LoRA's."""
    rates = {each: (rate, between) for each, rate, between, _ in rates_table(numbers)}
    rows = []
    for task, budget in ran(numbers):
        lora = losses(numbers, "LoRA", task, budget)
        step = by_seed(numbers, way("LoRA", task, budget), "cpu_ms").min()
        for name in there(numbers, task, budget):
            own, each = losses(numbers, name, task, budget), way(name, task, budget)
            apart = "" if name == "LoRA" else paired(own, lora, 3)
            cost = f"{by_seed(numbers, each, 'cpu_ms').min() / step:.2f}"
            found = (
                f"{numbers['ways'][each]['runs'][0]['trained']:,}",
                spread(own, 3),
                apart,
                cost,
            )
            rows.append((f"{task}, r {budget}", name, *found, *rates[each]))
    titles = ("as LoRA", "method", "trained", "loss", "less LoRA's", "step", "rate", "between")
    lines = text_table(titles, rows, (14, 10, 8, 15, 50, 6, 9, 24))
    minutes = numbers["cpu_seconds"] / 60
    lines.append(
        f"Nats a digit memorised, or a byte held out; {seed_count(numbers)}, mean ± standard "
        f"deviation. Step: its time over LoRA's. {minutes:.1f} CPU minutes.\n{verdict(numbers)}"
    )
    return "\n".join(lines) + caveat(numbers)


def against_lora(numbers, task, budget):
    """The methods whose loss is (below LoRA's so that seeds tell, above it, not told apart)."""
    found = [], [], []
    lora = losses(numbers, "LoRA", task, budget)
    for name in there(numbers, task, budget)[1:]:
        own = losses(numbers, name, task, budget)
        at = 2 if not told_apart(own, lora) else int(own.mean() > lora.mean())
        found[at].append(name)
    return found


def verdict(numbers):
    """One sentence a task and budget."""
    if numbers["quick"]:
        return "Not tuned, so nothing is found."
    lines = []
    for task, budget in ran(numbers):
        ahead, behind, neither = map(", ".join, against_lora(numbers, task, budget))
        lines.append(
            f"{task}, as many numbers as LoRA r {budget}: ahead of a tuned LoRA {ahead or 'none'}; "
            f"behind it {behind or 'none'}; not told apart {neither or 'none'}."
        )
    return "\n".join(lines)


def claims(numbers):
    """{a method less LoRA at one budget: nats, a difference a seed}."""
    return {
        f"{task}, r {budget}: {name} less LoRA": losses(numbers, name, task, budget)
        - losses(numbers, "LoRA", task, budget)
        for task, budget in ran(numbers)
        for name in there(numbers, task, budget)[1:]
    }


@style()
def figure(numbers):
    """Each method's loss over LoRA's at the same budget; at 1 is LoRA."""
    picture, axes = subplots(size=(6.4, 3.8))
    for k, (task, budget) in enumerate(ran(numbers)):
        names, lora = there(numbers, task, budget)[1:], losses(numbers, "LoRA", task, budget)
        found = np.array([losses(numbers, name, task, budget) / lora for name in names])
        places = [list(SETTINGS).index(name) + 0.14 * (k - 2.5) for name in names]
        shown = {**look(k), "linestyle": "none", "markersize": 4}
        label = f"{task}, as LoRA r {budget}"
        axes.errorbar(places, found.mean(1), found.std(1), **shown, capsize=2, label=label)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xticks(range(len(SETTINGS)), SETTINGS, rotation=60, ha="right", fontsize=8)
    axes.set(ylabel="loss, LoRA's being 1", yscale="log")
    axes.legend(fontsize=8)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    said = []
    for task, budget in ran(numbers):
        names = there(numbers, task, budget)
        means = [f"{n} {losses(numbers, n, task, budget).mean():.2f}" for n in names]
        said.append(f"{task} as LoRA r {budget}: " + ", ".join(means))
    return "Points: each method's loss over LoRA's. Losses: " + "; ".join(said) + "."
