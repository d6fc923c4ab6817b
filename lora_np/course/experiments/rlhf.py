"""RLHF on strings of eight symbols: a reward model from noisy pairs, then PPO and DPO against it.

The hidden reward is the number of ascents, places where a symbol is larger than the one before.
Only the noisy preferences know it; PPO sees the reward model alone. A second hidden reward takes
three ascents away from a string with the largest symbol in it, which makes ascents easy: what is
asked to be safe costs what is asked to be good.
"""

import functools

import numpy as np

from ...analysis.plots import COLORS, MARKERS, style, subplots
from ...system.checks import check_whole
from ...system.platform import cpu_seconds
from . import conclusions, judge_quality
from .common import caveat
from .judge_quality import last, plot_seeds
from .protocol import Study, code, kernel, rates_table, results_of, tune
from .rlhf_world import QUICK, RATES, Size, World, ascents, safe_ascents, smooth

TRIALS = 5


def run(seeds=5, quick=False, directory=None, processes=None):
    """Every seed trains its own source, reference, reward models and policies.

    The rates of PPO and DPO are tuned on the true reward of another world, at β = 0.1.
    Raises: ValueError for seeds below 1. Unfinished, see `sweep`.
    """
    check_whole("expected seeds", seeds)
    seeds, trials = (1, 0) if quick else (seeds, TRIALS)
    study = Study("rlhf_rates", one_rate, RATES, {"quick": quick}, trials)
    tuned, spent = tune(study, directory, processes)
    rates = {kind: how["lr"] for kind, how in tuned.items()}
    how = {"rates": rates, "quick": quick, "kernel": kernel(), "code": code()}
    cells = [{"seed": seed, **how} for seed in range(seeds)]
    runs = results_of(one_cell, directory, "rlhf", processes, cells)
    spent += sum(run["cpu_seconds"] for run in runs)
    return {"quick": quick, "rates": tuned, "cpu_seconds": round(spent, 1), "runs": runs}


def one_rate(cell):
    """One way at one rate; "validation" is less the true reward of its texts."""
    seed, size = cell["seed"], QUICK if cell["quick"] else Size()
    world, pairs, judge, _ = learnt(seed, size)
    world.rng = np.random.default_rng([seed, 3])
    trained = {
        "PPO": lambda lr: world.ppo(judge, 0.1, size.iterations, lr),
        "DPO": lambda lr: world.dpo(pairs, judge, 0.1, lr),
    }
    found = trained[cell["way"]](cell["lr"])
    return {"validation": -found["true"], "KL": found["KL"]}


def one_cell(cell):
    return one_seed(cell["seed"], QUICK if cell["quick"] else Size(), cell["rates"])


@functools.lru_cache(maxsize=1)
def learnt(seed, size):
    """(world, pairs, reward model, how often it agrees); its rng is set before each use."""
    world = World(size, np.random.default_rng(seed))
    return world, *world.learn_reward(ascents)


def one_seed(seed, size, rates=RATES):
    """Every policy of one world: those to be compared begin and go on with the same numbers."""
    start = cpu_seconds()
    world, pairs, judge, accuracy = learnt(seed, size)
    ppo, dpo = rates["PPO"], rates["DPO"]

    def again(part):
        world.rng = np.random.default_rng([seed, part])
        return world

    safe_pairs, safe_judge, _ = again(4).learn_reward(safe_ascents)
    result = {"seed": seed, "reward model": accuracy}
    result["reference"] = again(5).measure(world.reference, judge)
    result["PPO"] = {str(b): again(3).ppo(judge, b, size.iterations, ppo) for b in size.betas}
    result["DPO"] = {str(b): again(3).dpo(pairs, judge, b, dpo) for b in size.betas if b > 0}
    result["safe"] = {
        "PPO": again(3).ppo(safe_judge, 0.1, size.iterations, ppo),
        "DPO": again(3).dpo(safe_pairs, safe_judge, 0.1, dpo),
    }
    result["judges"] = judge_quality.one_seed(world, seed, ppo)
    result["CPU seconds"] = round(cpu_seconds() - start, 1)
    return result


COLUMNS = {"true": "ascents", "learned": "learned gain", "KL": "KL, nats"}
COLUMNS |= {"breaks the rule": "breaks rule"}
TITLES = *COLUMNS.values(), "gain, pairs won"


def rows_of(run):
    """Every policy of one seed with its scores; learned rewards as gains over the reference's."""
    rows = {"the reference": run["reference"]}
    for kind in ("PPO", "DPO"):
        rows |= {f"{kind}, beta {beta}": found for beta, found in run[kind].items()}
    zero = run["reference"]["learned"]  # only differences of learned rewards mean anything
    rows = {name: {**row, "learned": row["learned"] - zero} for name, row in rows.items()}
    for kind, found in run["safe"].items():
        rows[f"{kind}, beta 0.1, taught the rule"] = {**found, "learned": np.nan}
    return rows


def table(numbers):
    """Scores of new strings from each policy, mean ± standard deviation over the seeds."""
    runs = [rows_of(run) for run in numbers["runs"]]
    lines = [f"{'policy':30}" + "".join(f"{title:>16}" for title in TITLES)]
    for name in runs[0]:
        cells = [np.array([rows[name][column] for rows in runs]) for column in COLUMNS]
        shown = [f"{c.mean():.2f} ± {c.std():.2f}" if c.mean() == c.mean() else "-" for c in cells]
        lead = cells[0] - [rows["the reference"]["true"] for rows in runs]
        shown.append(f"{lead.mean():+.2f}, {(lead > 0).sum()} of {len(lead)}")
        lines.append(f"{name:30}" + "".join(f"{cell:>16}" for cell in shown))
    judged = [run["reward model"] for run in numbers["runs"]]
    shares = ", ".join(
        f"{kind} {np.mean([j[kind] for j in judged]):.2f} ± {np.std([j[kind] for j in judged]):.2f}"
        for kind in judged[0]
    )
    seconds = max(run["CPU seconds"] for run in numbers["runs"])
    lines.append(
        f"Seeds: {len(runs)}; {seconds:.0f} s of one processor a seed at most. The rule: never "
        f"write the largest symbol.\nPairs whose winner the reward model picks: {shares}.\n"
        f"{rates_in_words(numbers)}"
        f"{verdict(numbers)}\n\n{judge_quality.table(numbers['runs'])}{caveat(numbers)}"
    )
    return "\n".join(lines)


def rates_in_words(numbers):
    rows = rates_table({"ways": numbers.get("rates", {})})
    said = [f"{way} {rate} ({between})" for way, rate, between, _ in rows]
    return f"Rates, tuned at beta 0.1 on another world's true reward: {', '.join(said)}.\n"


def claims(numbers):
    """{what, one less another: a difference in ascents for each seed}."""
    pairs = paired(numbers["runs"])
    found = {
        "PPO, β = 0: its peak, less its end": pairs["peak - end"],
        "PPO at the end: β = 0.1, less 0": pairs["held - free"],
        "β = 0.1, less β = 0 where it passed the same KL": pairs["at its KL"],
        "β = 0.1: DPO, less PPO": pairs["DPO - PPO"],
    }
    for quality in numbers["runs"][0]["judges"]:
        m = judge_quality.measures(numbers["runs"], quality)
        found[f"a judge right {quality} of the time: β = 0.1, less 0, at the end"] = m["gain"]
        found[f"a judge right {quality} of the time: β = 0, its peak, less its end"] = m["fall"]
    return found


def verdict(numbers):
    """What two papers found, held against these numbers, pair by pair: one seed is one pair."""
    return (
        "Gao et al. (2022) find that the KL penalty only stops early: the true reward at a given "
        "KL stays the same.\nRafailov et al. (2023) find DPO above PPO at every KL. In ascents:\n"
        f"{conclusions.table(claims(numbers))}"
    )


def paired(runs):
    """{name: a difference in ascents for each seed}, within one world, reference and judge."""
    free, held = (gains(runs, beta, "true")[:, 1:] for beta in ("0.0", "0.1"))
    leads = []
    for run in runs:
        end, way = run["PPO"]["0.1"], smooth(run["PPO"]["0.0"]["way"])
        passed = np.argmax(way["KL"] >= end["KL"]) if way["KL"].max() >= end["KL"] else -1
        leads.append(end["true"] - way["true"][passed])
    ppo, dpo = (np.array([run[kind]["0.1"]["true"] for run in runs]) for kind in ("PPO", "DPO"))
    return {
        "peak - end": free.max(axis=1) - last(free),
        "held - free": last(held) - last(free),
        "at its KL": np.array(leads),
        "DPO - PPO": dpo - ppo,
    }


@style()
def figure(numbers):
    """What was wanted and what was asked, by iteration; and where each policy ends, against KL.

    All rewards are gains over the seed's reference. Thin lines are seeds, the band is their mean
    ± standard deviation; so are the bars.
    """
    runs = numbers["runs"]
    picture, panels = subplots(2, 2, size=(6.8, 6.2))
    panels[1, 1].remove()
    below = panels[1, 0]
    below.set_subplotspec(below.get_gridspec()[1, :])
    titles = {"true": "wanted: ascents, gain", "learned": "asked: learned reward, gain"}
    for axes, (column, title) in zip(panels[0], titles.items()):
        for k, beta in enumerate(("0.0", "0.1")):
            ways = gains(runs, beta, column)
            x = [0, *(10 * (np.arange(ways.shape[1] - 1) + 0.5))]
            plot_seeds(axes, x, ways, k, f"PPO's way, β = {float(beta):g}")
        axes.axhline(0, color="black", linewidth=1)
        axes.set(xlabel="iteration", title=title)
    for k, kind in enumerate(("PPO", "DPO")):
        for beta, (x, y, x_spread, y_spread) in ends(runs, kind).items():
            below.errorbar(
                x, y, y_spread, x_spread, MARKERS[k + 2], color=COLORS[k + 2], markersize=7,
                elinewidth=0.8, label=None if beta != "0.1" else f"{kind}'s end, its β beside it",
            )  # fmt: skip
            beside = (5, 5) if float(beta) else (5, -13)  # β = 0.02 ends close to β = 0
            below.annotate(f"{float(beta):g}", (x, y), beside, textcoords="offset points")
    below.axhline(0, color="black", linewidth=1)
    below.set(xlabel="KL to the reference (nats a text)", title="wanted: ascents, gain at the end")
    keys = [axes.get_legend_handles_labels() for axes in (panels[0, 0], below)]
    handles, labels = (sum(parts, []) for parts in zip(*keys))
    picture.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9)
    return picture


def gains(runs, beta, column):
    """PPO's way as gains over each seed's reference, which comes first: (seeds, 1 + windows)."""
    start = np.array([run["reference"][column] for run in runs])[:, None]
    ways = np.array([smooth(run["PPO"][beta]["way"])[column] for run in runs])
    return np.concatenate([np.zeros_like(start), ways - start], axis=1)


def ends(runs, kind):
    """{β: KL and gain in ascents at the end, mean over the seeds, and the spread of each}."""
    start = np.array([run["reference"]["true"] for run in runs])
    found = {}
    for beta in runs[0][kind]:
        KL, true = (np.array([run[kind][beta][name] for run in runs]) for name in ("KL", "true"))
        found[beta] = (KL.mean(), (true - start).mean(), KL.std(), (true - start).std())
    return found


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    runs = numbers["runs"]
    free, held = (gains(runs, beta, "true") for beta in ("0.0", "0.1"))
    asked = gains(runs, "0.0", "learned").mean(axis=0)[-1]
    rest = "; ".join(
        f"{kind} at β = {beta} {gain:+.2f} at KL {KL:.1f}"
        for kind in ("PPO", "DPO")
        for beta, (KL, gain, *_) in ends(runs, kind).items()
    )
    return (
        "Gains over the reference, by seed and their mean. At β = 0 a seed's ascents peak "
        f"between {free.max(axis=1).min():+.2f} and {free.max(axis=1).max():+.2f} and end at "
        f"{free[:, -1].mean():+.2f} on average, at β = 0.1 at {held[:, -1].mean():+.2f}, while the "
        f"learned reward of β = 0 ends at {asked:+.2f}. Ends, in ascents: {rest}."
    )
