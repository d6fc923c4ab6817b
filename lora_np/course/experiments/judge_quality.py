"""Reward hacking against the judge's quality: PPO with and without the price of KL, in pairs.

One reward model learns from more and more noisy pairs. It is copied when it first agrees with the
truth about 0.6, 0.7, 0.8 and 0.9 of the time. Each copy trains the same policy, drawn with the
same random numbers, at β = 0 and at β = 0.1.
"""

import numpy as np

from ...analysis.plots import COLORS, DASHES, style, subplots
from ...methods import FullFineTuning, HeadTuning
from ...objectives import bradley_terry
from ...tasks import reward_of, reward_pairs
from ...train.optim import AdamW
from .rlhf_world import NOISE, SYMBOLS, ascents, smooth

QUALITIES, BETAS = (0.6, 0.7, 0.8, 0.9), (0.0, 0.1)
AT_ONCE, EVERY = 64, 10  # pairs in a step of the reward model, steps from test to test
WIDTHS = (6, 8, 14, 14, 14, 14, 7, 8)  # of the table's columns
WATCHED = 600  # rows, 300 pairs
WINDOW = 10  # iterations, 640 texts, in each average of a policy's way


def one_seed(world, seed, lr):
    """{quality: the judge's pairs and agreement, and for each β the policy's way}.

    `lr` is PPO's rate. A few hundred pairs say when a judge is good enough to be copied.
    """
    world.rng, judges = np.random.default_rng([seed, 1]), {}
    test = clean_pairs(world)
    for quality, pairs, judge in better_and_better(world, clean_pairs(world)[:WATCHED]):
        found = {"pairs": pairs, "agreement": agreement(judge, test)}  # not the test that chose it
        before = world.rng
        for beta in BETAS:
            world.rng = np.random.default_rng([seed, 2])  # the same for every judge and β
            way = smooth(world.ppo(judge, beta, world.size.judge_iterations, lr)["way"], WINDOW)
            found[str(beta)] = {name: way[name].round(4).tolist() for name in ("true", "KL")}
        world.rng, judges[str(quality)] = before, found
    return judges


def better_and_better(world, test):
    """(quality, pairs read, a copy of the judge) as the judge first agrees so often on `test`.

    Qualities that it never reaches are represented by the judge at the end of its training.
    """
    model = HeadTuning(1).apply(FullFineTuning().apply(world.reference, world.rng), world.rng)
    pool = world.draw_pairs(world.size.pool, ascents, NOISE)
    optimizer, left = AdamW(model.trainable_parameters(), 1e-3), list(QUALITIES)
    for step in range(world.size.judge_steps + 1):
        last = step == world.size.judge_steps
        while left and (last or step % EVERY == 0 and agreement(model, test) >= left[0]):
            kept = model.astype(model.lm_head.weight.dtype)  # a copy: the model goes on learning
            yield left.pop(0), step * AT_ONCE, scaled(kept, world)
        if not left:
            return
        batch = reward_pairs(world.some_of(pool, AT_ONCE))
        logits, cache = model.forward(batch.tokens)
        _, dlogits = bradley_terry(logits, batch)
        model.backward(dlogits, cache)
        optimizer.step()


def scaled(judge, world):
    """The judge with rewards of standard deviation 1 on the reference's texts: one β fits all."""
    prompts = world.rng.integers(SYMBOLS, size=(world.size.samples, 1))
    judge.lm_head.weight.data /= reward_of(judge, world.complete(world.reference, prompts)).std()
    return judge


def clean_pairs(world):
    """Noiseless new pairs whose texts differ in the true reward: a tie has no better text."""
    pairs = world.draw_pairs(world.size.samples, ascents, 0)
    true = ascents(pairs)
    return pairs[np.repeat(true[0::2] != true[1::2], 2)]


def agreement(judge, pairs):
    """The share of pairs, the better text first, in which the judge prefers it."""
    r = reward_of(judge, pairs)
    return round(float((r[0::2] > r[1::2]).mean()), 4)


def last(ways):
    """Where each seed's way ends: the mean of its last two averages, 20 iterations' texts."""
    return ways[:, -2:].mean(axis=1)


def measures(runs, quality):
    """{what: a number a seed}: ascents above the seed's reference, for one quality of the judge.

    "peak" and "end" are at β = 0, "held" is the end at β = 0.1; "fall" is peak − end and "gain",
    the pair's difference, held − end.
    """
    judges = [run["judges"][quality] for run in runs]
    start = np.array([run["reference"]["true"] for run in runs])
    free, held = (np.array([judge[b]["true"] for judge in judges]) for b in map(str, BETAS))
    peak = free.max(axis=1)
    end, held_end = last(free), last(held)
    found = {name: np.array([judge[name] for judge in judges]) for name in ("pairs", "agreement")}
    found |= {"peak": peak - start, "end": end - start, "held": held_end - start}
    found |= {"at": WINDOW * (free.argmax(axis=1) + 0.5), "fall": peak - end}
    return found | {"gain": held_end - end}


def table(runs):
    """One row a quality: means ± standard deviations over the seeds, and the pairs won."""
    titles = ("agrees", "pairs", "peak, 0", "end, 0", "end, 0.1", "0.1 - 0", "least", "won")
    lines = [
        "How often a judge agrees with the truth, and what PPO at beta 0 and 0.1 makes of it:",
        "ascents above the reference's.",
        "".join(f"{title:>{width}}" for title, width in zip(titles, WIDTHS)),
    ]
    for quality in runs[0]["judges"]:
        m = measures(runs, quality)
        shown = [f"{m['agreement'].mean():.2f}", f"{m['pairs'].mean():,.0f}"]
        shown += [
            f"{m[name].mean():+.2f} ± {m[name].std():.2f}"
            for name in ("peak", "end", "held", "gain")
        ]
        shown += [f"{m['gain'].min():+.2f}", f"{(m['gain'] > 0).sum()} of {len(runs)}"]
        lines.append("".join(f"{cell:>{width}}" for cell, width in zip(shown, WIDTHS)))
    return "\n".join(lines)


def plot_seeds(axes, x, ways, k, label):
    """A thin line a seed, their mean, and a band of ± their standard deviation, in colour k."""
    mean, spread = ways.mean(axis=0), ways.std(axis=0)
    axes.plot(x, ways.T, color=COLORS[k], linestyle="-", linewidth=0.6, alpha=0.6)
    axes.plot(x, mean, color=COLORS[k], linestyle=DASHES[k], label=label)
    axes.fill_between(x, mean - spread, mean + spread, color=COLORS[k], alpha=0.15)


@style()
def figure(runs):
    """True reward above the reference's against iterations, a panel a quality.

    Thin lines are seeds, the band is their mean ± standard deviation.
    """
    qualities = list(runs[0]["judges"])
    picture, panels = subplots(2, 2, size=(6.6, 5), sharex=True, sharey=True)
    start = np.array([run["reference"]["true"] for run in runs])[:, None]
    for axes, quality in zip(panels.flat, qualities):
        for k, beta in enumerate(map(str, BETAS)):
            ways = np.array([run["judges"][quality][beta]["true"] for run in runs]) - start
            ways = np.concatenate([np.zeros_like(start), ways], axis=1)
            x = np.r_[0, WINDOW * (np.arange(ways.shape[1] - 1) + 0.5)]
            plot_seeds(axes, x, ways, k, f"β = {float(beta):g}, mean")
        agreed = measures(runs, quality)["agreement"].mean()
        axes.axhline(0, color="black", linewidth=1)
        axes.set_title(f"judge agrees {agreed:.2f}")
    for axes in panels[-1]:
        axes.set_xlabel("iteration")
    picture.supylabel("ascents above the reference's", fontsize=10)
    picture.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return picture


def alt_text(runs):
    """What the figure shows, in words, from its own numbers."""
    said = []
    for quality in runs[0]["judges"]:
        m = {name: values.mean() for name, values in measures(runs, quality).items()}
        said.append(
            f"judge right {m['agreement']:.2f} of the time: at β = 0 a peak of {m['peak']:+.2f} "
            f"and an end at {m['end']:+.2f}, at β = 0.1 an end at {m['held']:+.2f}"
        )
    return (
        "Ascents above the reference's against iterations of PPO, mean over seeds. "
        + "; ".join(said)
        + "."
    )
