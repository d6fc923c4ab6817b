"""Reading what a search finds: retrieval-augmented fine-tuning over Python's own manual.

A sentence of the manual has a gap; BM25 finds three paragraphs; the model is to quote the sentence
with its gap filled, as RAFT's answers quote what they rest on (Zhang et al. 2024, §3), or to say
"none" where the paragraphs do not hold it. The paper asks for the answer by heart there; held-out
questions cannot be known by heart, so here the right answer is to say so. Held out are whole
topics.
"""

import time

import numpy as np

from ...objectives import cross_entropy
from ...tasks.dialogue import answers, dialogues
from ...tasks.manual import ASK, NONE, Manual, says, terms
from .common import METHOD, SHORT, learn, note, open_model, samples, spread

SYSTEM = ("system", "Answer from the text.")
LONGEST, MISSING = 48, 0.25  # tokens of an answer; share of lessons without the golden paragraph
COLUMNS = ("golden there", "whole sentence", "golden missing")


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
    there = [manual.question(gap, True, rng=rng)[0] for gap in tests]
    missing = [manual.question(gap, False, rng=rng)[0] for gap in tests[::2]]
    closed = [f"{ASK} {gap.sentence}" for gap in tests]

    def right(which, asked, names):
        said = answers(which, tokenizer, [talk(q) for q in asked], LONGEST, batch_size=8)
        return said, float(np.mean([says(text, name) for text, name in zip(said, names)]))

    def score(which):
        said, found = right(which, there, [gap.name for gap in tests])
        exact = float(np.mean([text == gap.whole for text, gap in zip(said, tests)]))
        refused = right(which, missing, [NONE] * len(missing))[1]
        return said, dict(zip(COLUMNS, (found, exact, refused)))

    found = right(base, closed, [gap.name for gap in tests])[1]
    rows = {"base, no paragraphs": [dict(zip(COLUMNS, (found, None, None)))]}
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
    lines = [f"{'':22}" + "".join(f"{title:>17}" for title in COLUMNS)]
    for name, runs in numbers["rows"].items():
        cells = [
            "-" if runs[0][column] is None else spread([run[column] for run in runs])
            for column in COLUMNS
        ]
        lines.append(f"{name:22}" + "".join(f"{cell:>17}" for cell in cells))
    text = (
        f"Share of right answers of {numbers['tests']}: the name stands in the answer, and the "
        "whole sentence is quoted letter by letter, where its paragraph is there; the answer is "
        f"none where it is missing (half as many). {numbers['paragraphs']} paragraphs, "
        f"{numbers['gaps'][0]} gaps to learn from, {numbers['gaps'][1]} in topics held out; BM25 "
        f"finds the golden paragraph for {numbers['recall']:.0%}. {numbers['steps']} steps of 2, "
        f"{numbers['trained']:,} trained numbers;"
    )
    return "\n".join([*lines, note(text, numbers), "", samples(numbers)])
