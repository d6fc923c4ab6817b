"""Reading what a search finds: retrieval-augmented fine-tuning over Python's own manual.

A sentence of the manual has a gap; BM25 finds three paragraphs; the model is to quote the sentence
with its gap filled, as RAFT's answers quote what they rest on (Zhang et al. 2024, §3), or to say
"none" where the paragraphs do not hold it. The paper asks for the answer by heart there; held-out
questions cannot be known by heart, so here the right answer is to say so. Held out are whole
topics.
"""

import numpy as np

from ....objectives import cross_entropy
from ....tasks.dialogue import answers, dialogues
from ....tasks.worlds.manual import ASK, NONE, Manual, says, terms
from ..common import over_seeds, spread, text_table
from .common import METHOD, SHORT, intervals, learn, note, open_model, samples

SYSTEM = ("system", "Answer from the text.")
LONGEST, MISSING = 48, 0.25  # tokens of an answer; share of lessons without the golden paragraph
COLUMNS = ("golden there", "whole sentence", "golden missing")


def run(seeds=3, quick=False, model=None, progress=None, first=0, topics=None):
    """The base with and without paragraphs, and RAFT once a seed; numbers, and the last model.

    The seeds are `first` and those after it. `model` is a (model, tokenizer) pair, by default the
    real one; `topics` the manual's texts.
    """
    size = SHORT if quick else {"steps": 20, "tests": 96, "windows": 8}
    seeds, tell = 1 if quick else seeds, progress or (lambda text: None)
    trial = Trial(*(model or open_model()), Manual(topics), size, tell)
    manual, tests = trial.manual, trial.tests
    closed = [f"{ASK} {gap.sentence}" for gap in tests]
    found = trial.right(trial.base, closed, [gap.name for gap in tests])[1]
    rows = {"base, no paragraphs": [dict(zip(COLUMNS, (found, None, None)))]}
    before, row = trial.score(trial.base)
    rows["base, reading (RAG)"] = [row]
    tell(f"base: {row}; no paragraphs {found}")
    found = [manual.store.search(terms(gap.sentence), 3) for gap in tests]
    recall = np.mean([gap.paragraph in places for gap, places in zip(tests, found)])
    rows["RAFT, LoRA r 8"], seconds = over_seeds(trial.one_seed, seeds, first)
    shown = [
        {"gap": gap.sentence, "true": gap.name, "base": base, "RAFT": raft}
        for gap, base, raft in zip(tests[: 2 if quick else 4], before, trial.said)
    ]
    numbers = {
        "quick": quick, **size, "seeds": seeds, "rows": rows, "samples": shown,
        "paragraphs": len(manual.paragraphs), "gaps": [len(manual.train), len(manual.held_out)],
        "recall": float(recall),
        "trained": sum(p.size for p in trial.adapted.trainable_parameters()),
        "cpu_seconds_a_seed": seconds,
    }  # fmt: skip
    return numbers, trial.adapted


class Trial:
    """The base, the tests, which are the same for all seeds, and the last model that learnt."""

    def __init__(self, base, tokenizer, manual, size, tell):
        self.base, self.tokenizer, self.manual, self.size = base, tokenizer, manual, size
        self.tell, self.said, rng = tell, None, np.random.default_rng(0)
        order = rng.permutation(len(manual.held_out))
        self.tests = [manual.held_out[i] for i in order[: size["tests"]]]
        self.there = [manual.question(gap, True, rng=rng)[0] for gap in self.tests]
        self.missing = [manual.question(gap, False, rng=rng)[0] for gap in self.tests[::2]]

    def right(self, model, asked, names):
        """(What the model says, the share of it that has the name in it.)"""
        said = answers(model, self.tokenizer, [talk(q) for q in asked], LONGEST, batch_size=8)
        return said, float(np.mean([says(text, name) for text, name in zip(said, names)]))

    def score(self, model):
        """(what the model says where the paragraph is there, its row)."""
        said, found = self.right(model, self.there, [gap.name for gap in self.tests])
        exact = float(np.mean([text == gap.whole for text, gap in zip(said, self.tests)]))
        refused = self.right(model, self.missing, [NONE] * len(self.missing))[1]
        return said, dict(zip(COLUMNS, (found, exact, refused)))

    def one_seed(self, seed):
        rng = np.random.default_rng(seed)
        self.adapted = METHOD.apply(self.base, rng)
        batches = lessons(self.manual, self.tokenizer, rng)
        losses, cpu = learn(self.adapted, batches, cross_entropy, self.size["steps"])
        said, row = self.score(self.adapted)
        self.said = self.said or said  # the first seed's
        self.tell(f"seed {seed}: {row}, {cpu:.0f} s")
        return {**row, "losses": losses, "CPU seconds": cpu}


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
    rows = []
    for name, runs in numbers["rows"].items():
        found = [[run[column] for run in runs] for column in COLUMNS]
        rows.append((name, *("-" if each[0] is None else spread(each) for each in found)))
    lines = text_table(("", *COLUMNS), rows, (22, 17))
    text = (
        f"Share of right answers of {numbers['tests']}: the name stands in the answer, and the "
        "whole sentence is quoted letter by letter, where its paragraph is there; the answer is "
        f"none where it is missing (half as many). {numbers['paragraphs']} paragraphs, "
        f"{numbers['gaps'][0]} gaps to learn from, {numbers['gaps'][1]} in topics held out; BM25 "
        f"finds the golden paragraph for {numbers['recall']:.0%}. {numbers['steps']} steps of 2, "
        f"{numbers['trained']:,} trainable parameters;"
    )
    n = numbers["tests"]
    by_cases = intervals(numbers, dict(zip(COLUMNS, (n, n, (n + 1) // 2))))
    return "\n".join([*lines, note(text, numbers), "", by_cases, "", samples(numbers)])
