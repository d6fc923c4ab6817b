"""RLHF on strings of eight symbols: a reward model from noisy pairs, then PPO and DPO against it.

The hidden reward is the number of ascents, places where a symbol is larger than the one before.
Only the noisy preferences know it; PPO sees the reward model alone. A second hidden reward takes
three ascents away from a string with the largest symbol in it, which makes ascents easy: what is
asked to be safe costs what is asked to be good.
"""

import time

import numpy as np

from ..plots import COLORS, MARKERS, style, subplots
from .common import caveat
from .rlhf_world import QUICK, Size, World, ascents, safe_ascents


def run(seeds=5, quick=False):
    """Every seed trains its own source, reference, reward models and policies."""
    size = QUICK if quick else Size()
    return {"quick": quick, "runs": [one_seed(seed, size) for seed in range(seeds)]}


def one_seed(seed, size):
    start, rng = time.process_time(), np.random.default_rng(seed)
    world = World(size, rng)
    pairs, judge, accuracy = world.learn_reward(ascents)
    safe_pairs, safe_judge, _ = world.learn_reward(safe_ascents)
    kept = world.reference
    result = {"seed": seed, "reward model": accuracy, "reference": world.measure(kept, judge)}
    result["PPO"] = {str(beta): world.ppo(judge, beta) for beta in size.betas}
    result["DPO"] = {str(beta): world.dpo(pairs, judge, beta) for beta in size.betas if beta > 0}
    result["safe"] = {
        "PPO": world.ppo(safe_judge, 0.1), "DPO": world.dpo(safe_pairs, safe_judge, 0.1),
    }  # fmt: skip
    result["CPU seconds"] = round(time.process_time() - start, 1)
    return result


COLUMNS = {"true": "ascents", "learned": "learned gain", "KL": "KL, nats"}
COLUMNS |= {"breaks the rule": "breaks rule"}


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
    lines = [f"{'policy':30}" + "".join(f"{title:>16}" for title in COLUMNS.values())]
    for name in runs[0]:
        cells = [np.array([rows[name][column] for rows in runs]) for column in COLUMNS]
        shown = [f"{c.mean():.2f} ± {c.std():.2f}" if c.mean() == c.mean() else "-" for c in cells]
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
        f"{verdict(numbers)}{caveat(numbers)}"
    )
    return "\n".join(lines)


def verdict(numbers):
    """What two papers found, held against these numbers."""
    runs = numbers["runs"]
    leads = []
    for run in runs:
        held, way = run["PPO"]["0.1"], smooth(run["PPO"]["0.0"]["way"])
        passed = np.argmax(way["KL"] >= held["KL"]) if way["KL"].max() >= held["KL"] else -1
        leads.append(held["true"] - way["true"][passed])
    best = {
        kind: max(runs[0][kind], key=lambda beta, k=kind: mean_of(runs, k, beta, "true"))
        for kind in ("PPO", "DPO")
    }
    (p, d) = (mean_of(runs, kind, best[kind], "true") for kind in ("PPO", "DPO"))
    (p_kl, d_kl) = (mean_of(runs, kind, best[kind], "KL") for kind in ("PPO", "DPO"))
    return (
        "Gao et al. (2022) find that the KL penalty only stops early: the true reward at a given "
        "KL stays the same.\n"
        f"Here PPO with beta 0.1 ends {np.mean(leads):+.2f} ± {np.std(leads):.2f} ascents from "
        "where beta 0 was when it passed the same KL.\n"
        "Rafailov et al. (2023) find DPO above PPO at every KL. Here the best DPO has "
        f"{d:.2f} ascents at KL {d_kl:.1f},\nthe best PPO {p:.2f} at KL {p_kl:.1f}."
    )


def mean_of(runs, kind, beta, column):
    return float(np.mean([run[kind][beta][column] for run in runs]))


def smooth(way, window=10):
    """Means over stretches of `window` iterations."""
    return {
        name: np.array([np.mean(values[i : i + window]) for i in range(0, len(values), window)])
        for name, values in way.items()
    }


@style()
def figure(numbers):
    """True and learned reward against KL: on the left what was wanted, on the right what was asked.

    Lines are PPO's way, mean over the seeds, with a large marker where it ends; stars are DPO.
    """
    runs = numbers["runs"]
    zeros = [run["reference"]["learned"] for run in runs]
    picture, panels = subplots(1, 2, size=(7.6, 4.2))
    titles = {"true": "wanted: true reward, ascents", "learned": "asked: learned reward, gain"}
    beside = ((-6, -3, "right"), (6, -3, "left"), (-6, 2, "right"))  # two DPO may end side by side
    for axes, (column, title) in zip(panels, titles.items()):
        for k, beta in enumerate(runs[0]["PPO"]):
            ways = [smooth(run["PPO"][beta]["way"]) for run in runs]
            reward = [
                way[column] - (zero if column == "learned" else 0) for way, zero in zip(ways, zeros)
            ]
            start = np.mean([rows_of(run)["the reference"][column] for run in runs])
            x = [0, *np.mean([way["KL"] for way in ways], axis=0)]
            y = [start, *np.mean(reward, axis=0)]
            axes.plot(x, y, linewidth=1.4, marker=".", markersize=4, label=f"PPO, β = {beta}")
            axes.plot(x[-1], y[-1], MARKERS[k], color=COLORS[k], markersize=9)
        for k, beta in enumerate(runs[0]["DPO"]):
            rows = [rows_of(run)[f"DPO, beta {beta}"] for run in runs]
            x, y = (np.mean([row[name] for row in rows]) for name in ("KL", column))
            label = None if k else "DPO, its β beside it"
            axes.plot(x, y, "*", color="black", markersize=9, linestyle="", label=label)
            right, up, side = beside[k % 3]
            axes.annotate(beta, (x, y), (right, up), textcoords="offset points", ha=side)
        axes.set(xlabel="KL to the reference (nats a text)", title=title)
    picture.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    runs = numbers["runs"]
    way = [smooth(run["PPO"]["0.0"]["way"]) for run in runs]
    true, kl = (np.mean([w[name] for w in way], axis=0) for name in ("true", "KL"))
    mean_start = np.mean([run["reference"]["true"] for run in runs])
    rest = "; ".join(
        f"{kind} at β = {beta} ends at {mean_of(runs, kind, beta, 'true'):.2f} ascents, "
        f"KL {mean_of(runs, kind, beta, 'KL'):.1f}"
        for kind in ("PPO", "DPO") for beta in runs[0][kind] if beta != "0.0"
    )  # fmt: skip
    return (
        "True and learned reward against KL. Without a penalty the learned reward stays high while "
        f"ascents go from {mean_start:.2f} by way of {true.max():.2f} to {true[-1]:.2f} at "
        f"KL {kl[-1]:.1f}. {rest}."
    )
