"""A real model learns a skill with a checkable answer: an order in a sentence, as JSON.

Scored on words that training never shows, in sentence forms that it shows and in new ones. Beside
LoRA stands full fine-tuning of the last two blocks: what does each forget of prose?
"""

from dataclasses import dataclass

import numpy as np

from ....methods.targets import begin
from ....objectives import cross_entropy
from ....tasks.dialogue import answers, dialogues
from ....tasks.worlds.orders import FORMS, NEW_FORMS, held_out, orders, same
from ..common import by_row, over_seeds, spread, text_table
from .common import (
    METHOD,
    RATE,
    SHORT,
    intervals,
    learn,
    note,
    open_model,
    prose_perplexity,
    samples,
)

ASKED = ("system", "Reply with JSON.")
EXAMPLES = (  # two turns that show the base what is wanted; who was trained needs none
    ("user", "Tom bought two pens on Friday."),
    ("assistant", '{"who": "Tom", "what": "pens", "count": 2, "day": "Friday"}'),
    ("user", "For Tuesday, Eva asks for 5 loose leaves."),
    ("assistant", '{"who": "Eva", "what": "loose leaves", "count": 5, "day": "Tuesday"}'),
)
LONGEST = 48  # tokens of an answer


@dataclass(frozen=True)
class LastBlocks:
    """Full fine-tuning of the last `n` blocks: backward never goes below them."""

    n: int = 2

    def apply(self, model, rng=None):
        """A view of `model` in which the last blocks learn, on copies."""
        view = begin(self, model)
        for block in view.h[-self.n :]:
            for parameter in block.parameters():
                parameter.train()
        return view


WAYS = {"LoRA r 8, everywhere": (METHOD, RATE), "last 2 blocks, in full": (LastBlocks(2), 1e-3)}


def run(seeds=3, quick=False, model=None, progress=None, first=0):
    """Train each way once a seed, and score it; numbers for JSON, and the last LoRA's model.

    The seeds are `first` and those after it. `model` is a (model, tokenizer) pair, by default the
    real one.
    """
    size = SHORT if quick else {"steps": 20, "tests": 96, "windows": 8}
    seeds, tell = 1 if quick else seeds, progress or (lambda text: None)
    trial = Trial(*(model or open_model()), size, tell)
    rows = {"base": [trial.of_base("base")]}
    rows["base, two examples"] = [trial.of_base("base, two examples", EXAMPLES)]
    runs, seconds = over_seeds(trial.one_seed, seeds, first)
    shown = [
        {"sentence": sentence, **{name: texts[i] for name, texts in trial.said.items()}}
        for i, (sentence, _) in enumerate(trial.tests["new forms"][:3])
    ]
    numbers = {"quick": quick, **size, "seeds": seeds, "rows": rows | by_row(runs)}
    return numbers | {"samples": shown, "cpu_seconds_a_seed": seconds}, trial.adapted


class Trial:
    """The base, the tests, which are the same for all seeds, and what was said to some of them."""

    def __init__(self, base, tokenizer, size, tell):
        self.base, self.tokenizer, self.size, self.tell = base, tokenizer, size, tell
        rng, forms = np.random.default_rng(0), {"known forms": FORMS, "new forms": NEW_FORMS}
        self.tests = {name: held_out(size["tests"], rng, each) for name, each in forms.items()}
        self.said, self.adapted = {}, None
        self.before = prose_perplexity(base, tokenizer, size["windows"])

    def score(self, model, examples=()):
        """({the tests' name: share right}, some of what was said)."""
        right = {}
        for name, test in self.tests.items():
            asked = [talk(sentence, examples) for sentence, _ in test]
            said = answers(model, self.tokenizer, asked, LONGEST)
            right[name] = float(np.mean([same(a, true) for a, (_, true) in zip(said, test)]))
        return right, said[:3]  # in new forms

    def of_base(self, name, examples=()):
        right, self.said[name] = self.score(self.base, examples)
        self.tell(f"{name}: {right}")
        return {**right, "perplexity": self.before, "trained": 0, "CPU seconds": 0.0}

    def one_seed(self, seed):
        """{way: its row}; `adapted` is the last LoRA's model."""
        rows = {}
        for name, (method, lr) in WAYS.items():
            rng = np.random.default_rng(seed)
            model, batches = method.apply(self.base, rng), lessons(self.tokenizer, rng)
            losses, cpu = learn(model, batches, cross_entropy, self.size["steps"], lr)
            right, said = self.score(model)
            if method is METHOD:
                self.adapted = model
                self.said.setdefault("LoRA", said)
            rows[name] = {
                **right,
                "perplexity": prose_perplexity(model, self.tokenizer, self.size["windows"]),
                "trained": sum(p.size for p in model.trainable_parameters()),
                "CPU seconds": cpu,
                "losses": losses,
            }
            self.tell(f"seed {seed}, {name}: {right}, {rows[name]['perplexity']:.2f}, {cpu:.0f} s")
        return rows


def talk(sentence, examples=()):
    return [ASKED, *examples, ("user", sentence)]


def lessons(tokenizer, rng, batch_size=4):
    """Batches of new orders, without end."""
    while True:
        yield dialogues(tokenizer, [(talk(s), answer) for s, answer in orders(batch_size, rng)])


def table(numbers):
    columns = ("known forms", "new forms", "perplexity")
    rows = []
    for name, runs in numbers["rows"].items():
        seconds = np.mean([run["CPU seconds"] for run in runs])
        cells = (spread([run[column] for run in runs]) for column in columns)
        rows.append((name, *cells, f"{runs[0]['trained']:,}", f"{seconds:.0f}"))
    titles = ("", *columns, "trained", "CPU s")
    lines = text_table(titles, rows, (22, 13, 13, 13, 12, 7))
    text = (
        f"Share of sentences whose JSON is right, of {numbers['tests']} each, all of words that "
        "training never showed; perplexity on held-out prose; CPU s: training alone. "
        f"{numbers['steps']} steps of 4 sentences;"
    )
    cases = dict.fromkeys(columns[:2], numbers["tests"])
    return "\n".join(
        [*lines, note(text, numbers), "", intervals(numbers, cases), "", samples(numbers)]
    )
