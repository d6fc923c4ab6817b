"""Reading what a search finds: retrieval-augmented fine-tuning over Python's own manual.

A sentence of the manual has a gap; BM25 finds three paragraphs; the model is to write the name
that belongs there, or "none" where the paragraphs do not hold it. The RAFT paper (Zhang et al.
2024) asks for the answer by heart there; held-out questions cannot be known by heart, so here
the right answer is to say so. Held out are whole topics.
"""

import time

import numpy as np

from ...objectives import cross_entropy
from ...tasks.dialogue import answers, dialogues
from ...tasks.manual import ASK, Manual, says, terms
from .common import METHOD, SHORT, learn, open_model, samples, seeds_and_minutes, spread

SYSTEM = ("system", "Answer with one word.")
LONGEST, MISSING = 16, 0.25  # tokens of an answer; share of lessons without the golden paragraph
COLUMNS = ("golden there", "golden missing", "exact")


def run(seeds=3, quick=False, model=None, progress=None, first=0, topics=None):
    """The base with and without paragraphs, and RAFT once a seed; numbers, and the last model.

    The seeds are `first` and those after it. `model` is a (model, tokenizer) pair, by default the
    real one; `topics` the manual's texts.
    """
    size = SHORT if quick else {"steps": 20, "tests": 24, "windows": 8}
    seeds, tell = 1 if quick else seeds, progress or (lambda text: None)
    base, tokenizer = model or open_model()
    manual, rng = Manual(topics), np.random.default_rng(0)  # the tests are the same for all seeds
    tests = [manual.held_out[i] for i in rng.permutation(len(manual.held_out))[: size["tests"]]]
    there = [manual.question(gap, True, rng=rng) for gap in tests]
    missing = [manual.question(gap, False, rng=rng) for gap in tests[::2]]
    closed = [(f"{ASK} {gap.sentence}", gap.name) for gap in tests]

    def right(which, asked):
        said = answers(which, tokenizer, [talk(q) for q, _ in asked], LONGEST, batch_size=8)
        exact = np.mean([text.strip() == answer for text, (_, answer) in zip(said, asked)])
        found = np.mean([says(text, answer) for text, (_, answer) in zip(said, asked)])
        return said, float(found), float(exact)

    def score(which):
        said, found, exact = right(which, there)
        return said, dict(zip(COLUMNS, (found, right(which, missing)[1], exact)))

    _, found, exact = right(base, closed)
    rows = {"base, no paragraphs": [{COLUMNS[0]: found, COLUMNS[1]: float("nan"), "exact": exact}]}
    before, row = score(base)
    rows["base, reading (RAG)"] = [row]
    tell(f"base: {row}; no paragraphs {found}")
    found = [manual.store.search(terms(gap.sentence), 3) for gap in tests]
    recall = np.mean([gap.paragraph in places for gap, places in zip(tests, found)])
    after, seconds = None, []
    for seed in range(first, first + seeds):
        start, rng = time.process_time(), np.random.default_rng(seed)
        adapted = METHOD.apply(base, rng)
        losses, cpu = learn(
            adapted, lessons(manual, tokenizer, rng), cross_entropy, size["steps"]
        )
        said, row = score(adapted)
        after = after or said
        seconds.append(time.process_time() - start)
        rows.setdefault("RAFT, LoRA r 8", []).append(
            {**row, "losses": losses, "CPU seconds": cpu}
        )
        tell(f"seed {seed}: {row}, {seconds[-1]:.0f} s")
    shown = [
        {"gap": tests[i].sentence, "true": tests[i].name, "base": before[i], "RAFT": after[i]}
        for i in range(4 if not quick else 2)
    ]
    numbers = {
        "quick": quick, **size, "seeds": seeds, "rows": rows, "samples": shown,
        "paragraphs": len(manual.paragraphs), "gaps": [len(manual.train), len(manual.held_out)],
        "recall": float(recall), "trained": sum(p.size for p in adapted.trainable_parameters()),
        "cpu_seconds_a_seed": seconds,
    }  # fmt: skip
    return numbers, adapted


def talk(question):
    return [SYSTEM, ("user", question)]


def lessons(manual, tokenizer, rng, batch_size=2):
    """Batches of questions, without end; in some the golden paragraph is missing."""
    while True:
        pairs = []
        for i in rng.integers(len(manual.train), size=batch_size):
            question, answer = manual.question(manual.train[i], rng.random() >= MISSING, rng=rng)
            pairs.append((talk(question), answer))
        yield dialogues(tokenizer, pairs)


def table(numbers):
    lines = [f"{'':24}" + "".join(f"{title:>18}" for title in COLUMNS)]
    for name, runs in numbers["rows"].items():
        cells = [spread([run[column] for run in runs]) for column in COLUMNS]
        cells = ["-" if cell.startswith("nan") else cell for cell in cells]
        lines.append(f"{name:24}" + "".join(f"{cell:>18}" for cell in cells))
    lines.append(
        f"Share of right answers of {numbers['tests']}: the name stands in the answer where its "
        f"paragraph is there, or (half\nas many) the answer is none where it is missing; exact: "
        f"the name and nothing else. {numbers['paragraphs']} paragraphs,\n"
        f"{numbers['gaps'][0]} gaps to learn from, {numbers['gaps'][1]} in topics held out; BM25 "
        f"finds the golden paragraph for {numbers['recall']:.0%}.\n"
        f"{numbers['steps']} steps of 2, {numbers['trained']:,} trained "
        f"numbers; {seeds_and_minutes(numbers)}\n"
    )
    return "\n".join(lines) + "\n" + samples(numbers)
