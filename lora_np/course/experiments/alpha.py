"""Which α for which rank? Tuned like a rate, at one small learning rate for all.

LoRA adds s·A·B with s = α/r, and Adam moves every number by about its rate, whatever the
gradient's size. With B' = s·B the same sum is A·B', and B' moves by s times the rate: **the scale
is a rate for B alone** (LoRA+'s ratio; exact where Adam's ε is negligible). α then answers the
question: how fast may B learn, beside A?

What to expect of the best α over r, α ∝ r^slope. If the r directions pull together, their sum
grows with r, and s ∝ 1/r: slope 0, one α for all ranks. If they add like random numbers, it grows
with √r: slope 1/2, which is rsLoRA's α/√r (2312.03732). If one scale serves every rank: slope 1,
"α = 2r". "The Hidden Power of Scaling Factor in LoRA Optimization" (2606.12883) finds 1/2, with a
large coefficient, and gains that no learning rate gives at the usual α.

So each rank's α is searched from the same start, on several tuning seeds, one search each: the
slope has an interval. Beside it, the usual way round: α = r, the rate tuned as often. It may
differ here: two blocks 32 wide, 60 steps, and a task (a table renames digits) that needs little.
"""

import math

import numpy as np

from ...analysis.plots import COLORS, style, subplots
from ...methods import LoRA
from .common import caveat, paired, seed_count, spread, text_table, told_apart
from .protocol import Study, by_seed, compare
from .skill_runs import HELD, adapt, base, loss_on, renamed

RANKS = (1, 2, 4, 8, 16)
RATE = 3e-3  # while α is tuned: one that suits full fine-tuning of this base
START, RATE_START = 128.0, 4e-2  # of every search for α, and for the rate at α = r
FIRST, SEARCHES = 100, 10  # the first tuning seed, and how many of them
STATED = "α ∝ √r"
LAWS = {"one α for all ranks": 0.0, STATED: 0.5, "α ∝ r": 1.0}


def run_alpha(cell):
    """LoRA of a rank at an α, which is what the protocol tunes as "lr"."""
    return trained_at(cell, cell["lr"], RATE)


def run_rate(cell):
    """LoRA of a rank at α = r, and a rate."""
    return trained_at(cell, rank_of(cell["way"]), cell["lr"])


def rank_of(way):
    return int(way.removeprefix("r "))


def trained_at(cell, alpha, lr):
    """The logarithm of the loss: a parabola fits it where losses differ a hundredfold."""
    train, validation, test = renamed(cell["seed"], cell["held"])
    rng = np.random.default_rng(cell["seed"])
    rank = rank_of(cell["way"])
    model = LoRA(rank, alpha, "all-linear").apply(base(), rng)
    adapt(model, train, cell["steps"], lr, rng)
    return {
        "validation": math.log(loss_on(model, validation)),
        "log loss": math.log(loss_on(model, test)),
    }


def run(seeds=5, quick=False, directory=None, processes=None):
    """Searches for α at each rank, a tuning seed each, then new seeds; plain numbers for JSON.

    `quick` takes one seed, two ranks and 5 steps, and does not tune.
    Raises: ValueError for seeds below 1.
    """
    seeds, ranks, steps, trials, searches = (
        (1, (1, 4), 5, 0, 1) if quick else (seeds, RANKS, 60, 6, SEARCHES)
    )
    settings = {"steps": steps, "rate with α": RATE, "held": 100 if quick else HELD}

    def evidence(name, run_cell, start, tuning_seed, reported):
        rates = {f"r {r}": start for r in ranks}
        study = Study(name, run_cell, rates, settings, trials, (tuning_seed,))
        return compare(study, reported, directory, processes)

    usual = evidence("alpha_rate", run_rate, RATE_START, FIRST, seeds)
    tuned = [
        evidence(f"alpha_{FIRST + k}", run_alpha, START, FIRST + k, 1 if k else seeds)
        for k in range(searches)
    ]
    return {
        "seeds": seeds,
        "quick": quick,
        "steps": steps,
        "rate": RATE,
        "ranks": list(ranks),
        "tuned": tuned,
        "usual": usual,
        "cpu_seconds": sum(each["cpu_seconds"] for each in (usual, *tuned)),
    }


def alphas(numbers):
    """(searches, ranks): the best α that each found."""
    ways = [f"r {r}" for r in numbers["ranks"]]
    return np.array([[found["ways"][way]["lr"] for way in ways] for found in numbers["tuned"]])


def slopes(numbers):
    """(searches,): of ln α over ln r, by least squares."""
    return np.polyfit(np.log(numbers["ranks"]), np.log(alphas(numbers)).T, 1)[0]


def interval(values):
    """The mean less and plus three standard errors; None for fewer than three values."""
    if len(values) < 3:
        return None
    error = 3 * np.std(values, ddof=1) / math.sqrt(len(values))
    return float(np.mean(values) - error), float(np.mean(values) + error)


def laws_left(numbers):
    """The laws whose slope lies in the interval."""
    within = interval(slopes(numbers))
    if within is None:
        return list(LAWS)
    return [law for law, slope in LAWS.items() if within[0] <= slope <= within[1]]


def at_edge(numbers):
    """How many searches ended at an edge."""
    return sum(not how["inside"] for found in numbers["tuned"] for how in found["ways"].values())


def log_losses(numbers, r):
    """Two (seeds,): at the α that was tuned, and at α = r with its rate tuned."""
    return [
        by_seed(found, f"r {r}", "log loss") for found in (numbers["tuned"][0], numbers["usual"])
    ]


def table(numbers):
    """The best α by rank, and the loss with it beside the loss at α = r with its best rate."""
    rows = []
    for r, found in zip(numbers["ranks"], alphas(numbers).T):
        ours, usual = log_losses(numbers, r)
        rate = f"{numbers['usual']['ways'][f'r {r}']['lr']:.2g}"
        middle, low, high = (f"{f(found):.0f}" for f in (np.median, np.min, np.max))
        cells = middle, f"{low} to {high}", spread(np.exp(ours), 4), rate, spread(np.exp(usual), 4)
        rows.append((f"r {r}", *cells))
    titles = ("", "best α", "from, to", "loss", "rate at α = r", "loss")
    lines = text_table(titles, rows, (6, 9, 14, 20, 16, 20))
    lines.append(
        f"Best α at a rate of {numbers['rate']:g}: the median of {len(numbers['tuned'])} searches, "
        f"{at_edge(numbers)} of {alphas(numbers).size} at an edge; loss on the test after "
        f"{numbers['steps']} steps, {seed_count(numbers)}, mean ± standard deviation; "
        f"{numbers['cpu_seconds'] / 60:.1f} CPU minutes.\n{verdict(numbers)}"
    )
    return "\n".join(lines) + caveat(numbers)


def verdict(numbers):
    """The slope and the laws that it leaves; and whether α gives what the rate cannot."""
    found, within, left = slopes(numbers), interval(slopes(numbers)), laws_left(numbers)
    if within is None:
        said, claim = "too few searches for an interval", "not settled"
    else:
        leaves = ", ".join(left) or "none of 0, 1/2 and 1"
        said = f"{within[0]:.2f} to {within[1]:.2f}, which leaves {leaves}"
        alone = "found" if left == [STATED] else "not found"
        claim = "not settled" if STATED in left and len(left) > 1 else alone
    lines = [
        f"Slope of ln α over ln r: {found.mean():.2f} ({said}). {STATED} (2606.12883): {claim}."
    ]
    gains = []
    for r in numbers["ranks"]:
        ours, usual = log_losses(numbers, r)
        if told_apart(ours, usual) and ours.mean() < usual.mean():
            gains.append(r)
        lines.append(f"r {r}, ln of the loss, tuned α less α = r: {paired(ours, usual)}.")
    ranks = ", ".join(f"r {r}" for r in gains) or "no rank"
    lines.append(f"α gives what no rate gives at α = r (2606.12883): in every pair for {ranks}.")
    return "\n".join(lines)


def claims(numbers):
    """{the slope less each law's: one a search; ln of the loss, tuned α less α = r: one a seed}."""
    found = slopes(numbers)
    laws = {f"slope of ln α over ln r, less {law}'s": found - slope for law, slope in LAWS.items()}
    losses = {r: log_losses(numbers, r) for r in numbers["ranks"]}
    return laws | {
        f"r {r}: tuned α less α = r": ours - usual for r, (ours, usual) in losses.items()
    }


@style()
def figure(numbers):
    """The best α over the rank, a dot a search, beside the three laws through their middle."""
    picture, axes = subplots(size=(5.4, 3.4))
    r, found = np.array(numbers["ranks"], float), alphas(numbers)
    middle, center = np.exp(np.log(found).mean()), np.exp(np.log(r).mean())
    for (law, slope), dash in zip(LAWS.items(), (":", "--", "-.")):
        axes.plot(r, middle * (r / center) ** slope, color="#888888", linestyle=dash, label=law)
    axes.plot(r, found.T, "o", color=COLORS[0], markersize=4)
    axes.plot(r, np.exp(np.log(found).mean(axis=0)), color=COLORS[0], label="found: mean of ln α")
    axes.set(xscale="log", yscale="log", xlabel="rank r", ylabel="best α")
    axes.set_xticks(r, numbers["ranks"])
    low, high = np.floor(np.log2(found.min())), np.ceil(np.log2(found.max()))
    ticks = 2 ** np.arange(low, high + 1)
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.legend(fontsize=8)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    means = np.exp(np.log(alphas(numbers)).mean(axis=0))
    parts = ", ".join(f"{mean:.0f} at r {r}" for r, mean in zip(numbers["ranks"], means))
    return (
        f"Dots and a line: the best α over the rank, {parts}; a slope of "
        f"{slopes(numbers).mean():.2f} beside the laws 0, 1/2 and 1."
    )
