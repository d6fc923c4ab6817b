"""Reading or reciting? A base that reads, with retrieved documents, and trained as RAFT trains.

Six animals always live in the same place, ten move with every text, and training asks about all.
Behind three documents a model can read the answer (if the golden document is there) or recite it
(of the six, if it learnt them by heart). Each row is scored on the six with the golden document
and with distractors alone; on the ten with the golden document, which only reading answers; and on
the six with a golden document that says something new, where reciting is wrong.

The paper (Zhang et al. 2024, §4.4) finds the best P between 0.4 and 1, by questions with their
document, our first column, which hardly moves here. What P decides is the others: any P below 1
teaches the six by heart, and then they are recited more often where the document says otherwise.
"""

import numpy as np

from ...analysis.plots import COLORS, MARKERS, style, subplots
from ...generation.sampling import generate
from ...methods import LoRA
from ...objectives import cross_entropy
from ...tasks.retrieval import Store
from ...tasks.worlds.raft import ASK, KEYS, VALUES, Raft, World, accuracy, another, reading
from .bases import READING
from .common import (
    by_row,
    fit,
    look,
    means_in_words,
    over_seeds,
    paired,
    seed_count,
    spread,
    text_table,
)

FIXED, DOCUMENTS = 6, 3
SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # P, how often the golden document is there in training
COLUMNS = ("golden there", "distractors only", "moving, golden", "golden changed")
METHOD, RATE = LoRA(rank=4, alpha=4.0, targets="all-linear"), 1e-2


def run(seeds=5, quick=False, progress=None):
    """The base, RAG on it, and RAFT for each P; every seed has a world of its own.

    `quick` takes one seed, fewer P and fewer steps. `progress(text)` is told of each row.
    Raises: ValueError for seeds below 1.
    """
    seeds, shares, steps = (1, (0.0, 0.6, 1.0), 100) if quick else (seeds, SHARES, 300)
    tell = progress or (lambda text: None)
    base = READING.load()
    before = weights_of(base)
    trained = METHOD.apply(base, np.random.default_rng(0)).trainable_parameters()

    def one_seed(seed):
        world = World(tuple(np.random.default_rng([seed, 1]).integers(VALUES, size=FIXED).tolist()))
        tests = [task.batch(500, np.random.default_rng([seed, 2])) for task in scored_on(world)]
        rows = {"base": [accuracy(base, batch) for batch in tests]}
        rows["RAG"], found = rag(base, world, np.random.default_rng([seed, 3]))
        unchanged = weights_of(base) == before
        for P in shares:
            rng, task = np.random.default_rng([seed, 4]), Raft(world, P, n_documents=DOCUMENTS)
            model = METHOD.apply(base, rng)
            fit(model, (task.batch(32, rng) for _ in range(steps)), cross_entropy, RATE)
            rows[name_of(P)] = [accuracy(model, batch) for batch in tests]
            tell(f"seed {seed}, {name_of(P)}: {rows[name_of(P)]}")
        return rows, found, unchanged

    runs, seconds = over_seeds(one_seed, seeds)
    rows, recall, unchanged = zip(*runs)
    return {
        "columns": COLUMNS, "shares": shares, "steps": steps, "seeds": seeds, "rows": by_row(rows),
        "rag_bytes_unchanged": all(unchanged), "recall": [*recall],
        "trained": sum(p.size for p in trained),
        "base_parameters": sum(p.size for p in base.parameters()), "cpu_seconds_a_seed": seconds,
    }  # fmt: skip


def name_of(P):
    return {0.0: "P = 0: never golden", 1.0: "P = 1: always golden"}.get(P, f"RAFT, P = {P}")


def scored_on(world):
    """One task a column."""
    fixed, moving = range(FIXED), range(FIXED, KEYS)
    return [
        Raft(world, 1.0, fixed, DOCUMENTS),
        Raft(world, 0.0, fixed, DOCUMENTS),
        Raft(world, 1.0, moving, DOCUMENTS),
        Raft(world, 1.0, fixed, DOCUMENTS, changed=True),
    ]


def rag(model, world, rng, size=200):
    """Each column's score with what BM25 finds, and how often it finds the golden document.

    The store holds a document for each animal, in any order; for distractors alone it lacks the
    golden one. Nothing is trained.
    """
    scores, found = [], []
    for task in scored_on(world):
        texts, answers = [], []
        for _ in range(size):
            documents = world.documents(rng)
            key = task.asked[rng.integers(len(task.asked))]
            golden = another(documents[key], rng) if task.changed else documents[key]
            others = documents[:key] + documents[key + 1 :]
            held = others + [golden] if task.P else others
            store, question = Store([held[i] for i in rng.permutation(len(held))]), (ASK, key)
            read = [store.documents[i] for i in store.search(question, DOCUMENTS)]
            texts.append(reading(read, question, model.config.n_positions))
            answers.append(golden[1])
            if task.P:
                found.append(any(document is golden for document in read))
        written = generate(model, np.stack(texts), 1)[:, -1]
        scores.append(float((written == answers).mean()))
    return scores, float(np.mean(found))


def weights_of(model):
    """Every weight's bytes."""
    return b"".join(p.data.tobytes() for p in model.parameters())


def table(numbers):
    """The share of right answers, mean ± standard deviation over the seeds, a row for each way."""
    rows = []
    for name, scores in numbers["rows"].items():
        trained = 0 if name in ("base", "RAG") else numbers["trained"]
        rows.append((name, f"{trained:,}", *map(spread, np.transpose(scores))))
    lines = text_table(("", "trained", *numbers["columns"]), rows, (20, 10, 18))
    same = "the same" if numbers["rag_bytes_unchanged"] else "NOT the same"
    lines.append(
        f"Share of right answers (1 in {VALUES} by guessing) after {numbers['steps']} steps; "
        f"{seed_count(numbers)}, mean ± standard deviation; "
        f"{max(numbers['cpu_seconds_a_seed']):.0f} s a seed at most.\n"
        f"RAG trains nothing: every byte of the base is {same} before and after; BM25 found the "
        f"golden document for {np.mean(numbers['recall']):.1%} of the questions."
    )
    return "\n".join([*lines, verdict(numbers)])


def verdict(numbers):
    """Each share P beside the next larger one, column by column, seed by seed."""
    lines, shares = ["A larger P less the one before it, in pairs of one seed:"], numbers["shares"]
    rows = [np.transpose(numbers["rows"][name_of(P)]) for P in shares]  # (columns, seeds) each
    for k, column in enumerate(numbers["columns"][1:], start=1):
        for small, large, one, two in zip(shares, shares[1:], rows, rows[1:]):
            lines.append(f"  {column}, P = {large:g} less {small:g}: {paired(two[k], one[k])}")
    return "\n".join(lines)


@style()
def figure(numbers):
    """Right answers against P, a curve for each way of scoring; the base as points at the left.

    Curves are means over the seeds, shades reach from the worst seed to the best.
    """
    picture, axes = subplots(size=(6.8, 3.4))
    shares = list(numbers["shares"])
    for k, column in enumerate(numbers["columns"]):
        scores = np.array([numbers["rows"][name_of(P)] for P in shares])[:, :, k]  # (P, seeds)
        axes.plot(shares, scores.mean(axis=1), **look(k), label=column)
        low, high = scores.min(axis=1), scores.max(axis=1)
        axes.fill_between(shares, low, high, color=COLORS[k], alpha=0.15, linewidth=0)
        base = np.mean(numbers["rows"]["base"], axis=0)[k]
        axes.plot([-0.15], [base], color=COLORS[k], marker=MARKERS[k], linestyle="")
    axes.set_xticks([-0.15, *shares], ["base", *(f"{P:g}" for P in shares)])
    axes.set(
        xlabel="P: share of training texts with the golden document",
        ylabel="right answers",
        ylim=(-0.03, 1.06),
    )
    picture.legend(loc="outside upper center", ncols=len(numbers["columns"]))
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    words = means_in_words(numbers["rows"])
    return f"Right answers with {', '.join(numbers['columns'])}. {words}."
