"""A real model learns a skill with a checkable answer: an order in a sentence, as JSON.

Scored on words that training never shows, in sentence forms that it shows and in new ones. Beside
LoRA stands full fine-tuning of the last two blocks: what does each forget of prose?
"""

import time
from dataclasses import dataclass

import numpy as np

from ...methods.common import begin
from ...objectives import cross_entropy
from ...tasks.dialogue import answers, dialogues
from ...tasks.orders import FORMS, NEW_FORMS, held_out, orders, same
from .common import (
    METHOD,
    RATE,
    SHORT,
    learn,
    note,
    open_model,
    prose_perplexity,
    samples,
    spread,
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
    size = SHORT if quick else {"steps": 20, "tests": 24, "windows": 8}
    seeds, tell = 1 if quick else seeds, progress or (lambda text: None)
    base, tokenizer = model or open_model()
    rng = np.random.default_rng(0)  # the tests are the same for all seeds
    tests = {"known forms": FORMS, "new forms": NEW_FORMS}
    tests = {name: held_out(size["tests"], rng, forms) for name, forms in tests.items()}

    def score(which, examples=()):
        said = {
            name: answers(which, tokenizer, [talk(s, examples) for s, _ in test], LONGEST)
            for name, test in tests.items()
        }
        right = {
            name: float(np.mean([same(a, true) for a, (_, true) in zip(said[name], test)]))
            for name, test in tests.items()
        }
        return right, said["new forms"][:3]

    perplexity = prose_perplexity(base, tokenizer, size["windows"])
    rows, said, seconds, adapted = {}, {}, [], None
    for name, examples in (("base", ()), ("base, two examples", EXAMPLES)):
        right, said[name] = score(base, examples)
        rows[name] = [{**right, "perplexity": perplexity, "trained": 0, "CPU seconds": 0.0}]
        tell(f"{name}: {right}")
    for seed in range(first, first + seeds):
        for name, (method, lr) in WAYS.items():
            start, rng = time.process_time(), np.random.default_rng(seed)
            adapted_now = method.apply(base, rng)
            losses, cpu = learn(
                adapted_now, lessons(tokenizer, rng), cross_entropy, size["steps"], lr
            )
            right, last = score(adapted_now)
            row = {
                **right,
                "perplexity": prose_perplexity(adapted_now, tokenizer, size["windows"]),
                "trained": sum(p.size for p in adapted_now.trainable_parameters()),
                "CPU seconds": cpu,
                "losses": losses,
            }
            rows.setdefault(name, []).append(row)
            if method is METHOD:
                adapted = adapted_now
                said.setdefault("LoRA", last)
            seconds.append(time.process_time() - start)
            tell(f"seed {seed}, {name}: {right}, {row['perplexity']:.2f}, {seconds[-1]:.0f} s")
    shown = [
        {"sentence": sentence, **{name: texts[i] for name, texts in said.items()}}
        for i, (sentence, _) in enumerate(tests["new forms"][:3])
    ]
    numbers = {
        "quick": quick, **size, "seeds": seeds, "rows": rows, "samples": shown,
        "cpu_seconds_a_seed": seconds,
    }  # fmt: skip
    return numbers, adapted


def talk(sentence, examples=()):
    return [ASKED, *examples, ("user", sentence)]


def lessons(tokenizer, rng, batch_size=4):
    """Batches of new orders, without end."""
    while True:
        yield dialogues(tokenizer, [(talk(s), answer) for s, answer in orders(batch_size, rng)])


def table(numbers):
    columns = ("known forms", "new forms", "perplexity")
    lines = [f"{'':22}" + "".join(f"{c:>13}" for c in columns) + f"{'trained':>12}{'CPU s':>7}"]
    for name, runs in numbers["rows"].items():
        cells = "".join(f"{spread([run[column] for run in runs]):>13}" for column in columns)
        seconds = np.mean([run["CPU seconds"] for run in runs])
        lines.append(f"{name:22}{cells}{runs[0]['trained']:>12,}{seconds:>7.0f}")
    text = (
        f"Share of sentences whose JSON is right, of {numbers['tests']} each, all of words that "
        "training never showed; perplexity on held-out prose; CPU s: training alone. "
        f"{numbers['steps']} steps of 4 sentences;"
    )
    return "\n".join([*lines, note(text, numbers), "", samples(numbers)])
