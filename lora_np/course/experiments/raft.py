"""Reading or reciting? A base that misreads, asked behind documents, and trained as RAFT trains.

Six animals always live in the same place, six move with every text. The base reads documents and
was never told that only those on one topic answer: among three documents on the asked animal
(`raft_world`: near distractors) it takes any. BM25 finds the golden one for three questions of
four. RAFT trains on questions behind near distractors, a share P of them with the golden document;
where it is absent, only animals that never move are asked, as nobody could guess the others.
Beside it: fine-tuning on the questions alone (DSF), on the golden document alone, and RAFT with
distractors about other animals. Each is scored behind near distractors with the golden document
(on the six that never move, and on those that do), without it, with one that says something new,
behind far distractors, and behind what BM25 finds.

The paper (Zhang et al. 2024, arXiv 2403.10131) finds RAFT ahead of DSF with RAG, distractors in
training a help (§5), and the best P between 0.4 and 1 (§4.4). It may differ here: one word answers,
without a chain of thought, and what is to be learnt by heart is six facts.
"""

import functools

import numpy as np

from ...analysis.plots import COLORS, MARKERS, style, subplots
from ...methods import LoRA
from ...objectives import cross_entropy
from ...tasks.worlds.raft import VALUES, accuracy
from ...train.loop import held_out_loss
from . import conclusions
from .bases import READING
from .common import caveat, fit, look, means_in_words, seed_count, spread, text_table
from .protocol import Study, by_seed, compare, rates_table, without_runs
from .raft_world import ANIMALS, FIXED, Homes, Questions, answerable, retrieved

SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)  # P, how often the golden document is there in training
DSF, ALONE, FAR = "DSF: no documents", "golden alone", "RAFT, P = 0.6, far"
COLUMNS = (
    "golden there", "distractors only", "moving, golden", "golden changed", "far distractors",
    "retrieved",
)  # fmt: skip
METHOD, RATE = LoRA(rank=4, alpha=4.0, targets="all-linear"), 2e-2


def name_of(P):
    return f"RAFT, P = {P:g}"


WAYS = {  # what each trains on: arguments of Questions
    DSF: {"P": 0.0, "documents": 0},
    ALONE: {"P": 1.0, "documents": 1},
    **{name_of(P): {"P": P} for P in SHARES},
    FAR: {"P": 0.6, "near": False},
}
RATES = dict.fromkeys(WAYS, RATE) | {DSF: 1e-3, ALONE: 3e-3}  # from which tuning begins


def run(seeds=5, quick=False, directory=None, processes=None):
    """The base and each way to train it; every seed has a world of its own.

    `quick` takes one seed, three ways and fewer steps, at rates that are not tuned.
    Raises: ValueError for seeds below 1.
    """
    names = (DSF, name_of(0.6), name_of(1.0)) if quick else WAYS
    rates = {name: RATES[name] for name in names}
    settings = {"steps": 60, "tested": 200} if quick else {"steps": 300, "tested": 1000}
    study = Study("raft", run_cell, rates, settings, 0 if quick else 6)
    evidence = compare(study, 1 if quick else seeds, directory, processes)
    base, before = READING.load(), weights_of(READING.load())
    worlds = [Examined(seed, settings["tested"]) for seed in range(evidence["seeds"])]
    rows = {"base": [world.scores(base) for world in worlds]}
    rows |= {way: by_seed(evidence, way, "scores").tolist() for way in study.rates}
    return {
        "quick": quick, "columns": COLUMNS, "shares": [P for P in SHARES if name_of(P) in rows],
        "steps": settings["steps"], "seeds": evidence["seeds"], "rows": rows,
        "rag_bytes_unchanged": weights_of(base) == before,
        "recall": [world.recall for world in worlds],
        "trained": int(by_seed(evidence, name_of(1.0), "trained")[0]),
        "base_parameters": sum(p.size for p in base.parameters()),
        "tuning": without_runs(evidence), "cpu_seconds": evidence["cpu_seconds"],
    }  # fmt: skip


def run_cell(cell):
    examined, base = examined_of(cell["seed"], cell["tested"]), READING.load()
    rng = np.random.default_rng([cell["seed"], 4])
    model, task = METHOD.apply(base, rng), Questions(examined.world, **WAYS[cell["way"]])
    history = fit(
        model, (task.batch(32, rng) for _ in range(cell["steps"])), cross_entropy, cell["lr"]
    )
    return {
        "validation": held_out_loss(model, [examined.validation], cross_entropy),
        "scores": examined.scores(model),
        "trained": sum(p.size for p in model.trainable_parameters()),
        "loss": float(np.mean(history.losses[-20:])),
    }


class Examined:
    """A seed's world, and the questions that every model of it is validated and tested on."""

    def __init__(self, seed, size):
        homes = np.random.default_rng([seed, 1]).integers(VALUES, size=FIXED)
        self.world = Homes(tuple(homes.tolist()))
        self.tests = [task.batch(size, np.random.default_rng([seed, 2])) for task in self.tasks()]
        found, there = retrieved(self.world, range(ANIMALS), size, np.random.default_rng([seed, 3]))
        self.tests.append(found)
        self.recall = float(there.mean())
        rng = np.random.default_rng([seed, 5])
        self.validation = answerable(*retrieved(self.world, range(ANIMALS), size, rng))

    def tasks(self):
        return scored_on(self.world)

    def scores(self, model):
        return [accuracy(model, batch) for batch in self.tests]


examined_of = functools.lru_cache(maxsize=16)(Examined)


def scored_on(world):
    """One task a column, but for the last, what BM25 finds."""
    fixed, moving = range(FIXED), range(FIXED, ANIMALS)
    return [
        Questions(world, 1.0, fixed),
        Questions(world, 0.0, fixed),
        Questions(world, 1.0, moving),
        Questions(world, 1.0, fixed, changed=True),
        Questions(world, 1.0, fixed, near=False),
    ]


def rag(model, world, rng, size=200):
    """(the share of right answers behind what BM25 finds, how often that is the golden document).

    Nothing is trained.
    """
    batch, found = retrieved(world, range(ANIMALS), size, rng)
    return accuracy(model, batch), float(found.mean())


def weights_of(model):
    """Every weight's bytes."""
    return b"".join(p.data.tobytes() for p in model.parameters())


def table(numbers):
    """The share of right answers, mean ± standard deviation over the seeds, a row for each way."""
    rates, rows = {row[0]: row[1:3] for row in rates_table(numbers["tuning"])}, []
    for name, scores in numbers["rows"].items():
        rate, between = rates.get(name, ("", ""))
        rows.append((name, rate, between, *map(spread, np.transpose(scores))))
    titles = ("", "rate", "best between", *numbers["columns"])
    lines = text_table(titles, rows, (20, 9, 24, 18))
    same = "the same" if numbers["rag_bytes_unchanged"] else "NOT the same"
    lines.append(
        f"Share of right answers (1 in {VALUES} by guessing) after {numbers['steps']} steps of "
        f"{numbers['trained']:,} numbers; {seed_count(numbers)}, mean ± standard deviation; "
        f"{numbers['cpu_seconds'] / 60:.1f} CPU minutes.\nThe base's last column is RAG: nothing "
        f"is trained, every byte is {same}. BM25 found the golden document for "
        f"{np.mean(numbers['recall']):.1%} of the questions."
    )
    return "\n".join([*lines, verdict(numbers)]) + caveat(numbers)


def claims(numbers):
    """{what, one less another: a difference for each seed}, of shares of right answers."""
    columns, rows, shares = list(numbers["columns"]), numbers["rows"], numbers["shares"]
    found, best = {}, name_of(0.6)

    def compare_in(names, ours, theirs, what):
        for column in names:
            k = columns.index(column)
            pair = np.array(rows[ours])[:, k] - np.array(rows[theirs])[:, k]
            found[f"{column}: {what}"] = pair

    for rival in (way for way in ("base", DSF, ALONE, FAR) if way in rows):
        scored = ("golden there", "moving, golden", "far distractors", "retrieved")
        compare_in(scored, best, rival, f"{best}, less {rival}")
    for small, large in zip(shares, shares[1:]):
        scored = ("retrieved", "distractors only", "moving, golden", "golden changed")
        what = f"P = {large:g}, less {small:g}"
        compare_in(scored, name_of(large), name_of(small), what)
    return found


def verdict(numbers):
    """Whether RAFT mends misreading, what documents and distractors in training add, and which P"""
    shares, rows = numbers["shares"], numbers["rows"]
    means = {P: np.mean(np.array(rows[name_of(P)])[:, -1]) for P in shares}
    return (
        "Zhang et al. (2024, arXiv 2403.10131) find RAFT ahead of the base with RAG and of DSF "
        "with RAG, distractors\nin training a help, and the best P between 0.4 and 1.\n"
        f"{conclusions.table(claims(numbers))}\n"
        f"Behind what BM25 finds, P = {max(means, key=means.get):g} has the highest mean "
        f"({max(means.values()):.2f}), P = {min(means, key=means.get):g} the lowest "
        f"({min(means.values()):.2f})."
    )


@style()
def figure(numbers):
    """Right answers against P, a curve for each way of scoring; base and DSF at the left.

    Curves are means over the seeds, shades reach from the worst seed to the best.
    """
    picture, axes = subplots(size=(6.8, 3.8))
    shares, left = list(numbers["shares"]), {"base": -0.3, DSF: -0.1}
    for k, column in enumerate(numbers["columns"]):
        scores = np.array([numbers["rows"][name_of(P)] for P in shares])[:, :, k]  # (P, seeds)
        axes.plot(shares, scores.mean(axis=1), **look(k), label=column)
        low, high = scores.min(axis=1), scores.max(axis=1)
        axes.fill_between(shares, low, high, color=COLORS[k], alpha=0.15, linewidth=0)
        for name, x in left.items():
            mean = np.mean(numbers["rows"][name], axis=0)[k]
            axes.plot([x], [mean], color=COLORS[k], marker=MARKERS[k], linestyle="")
    axes.set_xticks([*left.values(), *shares], ["base", "DSF", *(f"{P:g}" for P in shares)])
    axes.set(
        xlabel="P: share of training texts with the golden document",
        ylabel="right answers",
        ylim=(-0.03, 1.06),
    )
    picture.legend(loc="outside upper center", ncols=3)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    words = means_in_words(numbers["rows"])
    return f"Right answers with {', '.join(numbers['columns'])}. {words}."
