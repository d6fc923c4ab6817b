"""A system prompt moves into an adapter: context distillation on a real model.

The teacher is the model itself behind a prompt that asks for a manner and shows it in three turns,
as Askell et al. (2021, §2) did with a longer one. The student reads the plain question, and learns
the teacher's whole distribution over each token of its answers. No answer was written by anyone.
"""

import time

import numpy as np

from ...chat import chat_tokens
from ...nn.language_model import body_and_head
from ...objectives import context_distillation
from ...tasks import TaughtBatch, reference
from ...tasks.dialogue import answers, dialogues
from ...tasks.questions import NEW_THINGS, questions
from ...train import held_out_loss
from .common import (
    METHOD,
    SHORT,
    learn,
    note,
    open_model,
    prose_perplexity,
    samples,
    spread,
)

OPENING = "Ahoy!"
CONTEXT = (
    ("system", f'You are a pirate. Answer in one short sentence and begin with "{OPENING}"'),
    ("user", "What is a window?"),
    ("assistant", f"{OPENING} A window be a hole with glass, to let in the light."),
    ("user", "Why is the sky blue?"),
    ("assistant", f"{OPENING} The air scatters blue light more than red, matey."),
    ("user", "How do I make tea?"),
    ("assistant", f"{OPENING} Pour boiling water on the leaves and wait four minutes."),
)
LONGEST, WORDS = 32, 20  # tokens of an answer; words of a short one
COLUMNS = ("opening", "short", "KL", "perplexity")


def run(seeds=3, quick=False, model=None, progress=None, first=0):
    """Distil the context into LoRA once a seed; numbers for JSON, and the last student.

    The seeds are `first` and those after it. `model` is a (model, tokenizer) pair, by default the
    real one.
    """
    size = SHORT if quick else {"steps": 20, "tests": 18, "windows": 8}
    texts = 36 if not quick else 6
    seeds, tell = 1 if quick else seeds, progress or (lambda text: None)
    base, tokenizer = model or open_model()
    teacher = reference(base)
    tests = questions(size["tests"], np.random.default_rng(0), NEW_THINGS)  # for all seeds
    wanted = answers(teacher, tokenizer, [asked(q, CONTEXT) for q in tests], LONGEST)
    scored = [lesson(teacher, tokenizer, tests[i : i + 4], wanted[i : i + 4])
              for i in range(0, len(tests), 4)]  # fmt: skip

    def score(which):
        said = answers(which, tokenizer, [asked(q) for q in tests], LONGEST)
        return said, {
            **manner(said),
            "KL": held_out_loss(which, scored, context_distillation),
            "perplexity": prose_perplexity(which, tokenizer, size["windows"]),
        }

    before, row = score(base)
    rows = {"base": [row]}
    rows["base, told how"] = [{**manner(wanted), "KL": 0.0, "perplexity": row["perplexity"]}]
    tell(f"base: {row}; told how: {manner(wanted)}")
    said, seconds = None, []
    for seed in range(first, first + seeds):
        start, rng = time.process_time(), np.random.default_rng(seed)
        reading = questions(texts, rng)
        written = answers(teacher, tokenizer, [asked(q, CONTEXT) for q in reading], LONGEST)
        student = METHOD.apply(base, rng)
        batches = lessons(teacher, tokenizer, reading, written, rng)
        losses, cpu = learn(student, batches, context_distillation, size["steps"])
        after, row = score(student)
        said = said or after
        seconds.append(time.process_time() - start)
        rows.setdefault("LoRA r 8, told nothing", []).append(
            {**row, "losses": losses, "CPU seconds": cpu}
        )
        tell(f"seed {seed}: {row}, {seconds[-1]:.0f} s")
    shown = [
        {"question": tests[i], "base": before[i], "told how": wanted[i], "LoRA": said[i]}
        for i in range(3)
    ]
    numbers = {
        "quick": quick, **size, "seeds": seeds, "texts": texts, "rows": rows, "samples": shown,
        "context_tokens": len(chat_tokens(tokenizer, asked("", CONTEXT))),
        "plain_tokens": len(chat_tokens(tokenizer, asked(""))),
        "trained": sum(p.size for p in student.trainable_parameters()),
        "cpu_seconds_a_seed": seconds,
    }  # fmt: skip
    return numbers, student


def asked(question, context=()):
    return [*context, ("user", question)]


def lessons(teacher, tokenizer, reading, written, rng, batch_size=4):
    """Batches of some of the questions, without end."""
    while True:
        at = rng.choice(len(reading), min(batch_size, len(reading)), replace=False)
        yield lesson(teacher, tokenizer, [reading[i] for i in at], [written[i] for i in at])


def lesson(teacher, tokenizer, reading, written):
    """The plain questions with the teacher's answers, and what it thinks of them in its context.

    The answers are the same tokens in both, and all prompts are longer there by the same number.
    """
    plain = dialogues(tokenizer, [(asked(q), a) for q, a in zip(reading, written)])
    behind = dialogues(tokenizer, [(asked(q, CONTEXT), a) for q, a in zip(reading, written)])
    more = behind.tokens.shape[1] - plain.tokens.shape[1]
    body, head = body_and_head(teacher)
    logits = head(body(behind.tokens)[:, more:])  # its position more + t beside the student's t
    return TaughtBatch(plain.tokens, plain.targets, plain.weights, logits)


def manner(said):
    """Shares of answers that begin as asked, and that are one short sentence."""
    short = [
        len(text.split()) <= WORDS and text.strip()[-1:] in (".", "!", "?")
        and sum(text.strip().removeprefix(OPENING).count(mark) for mark in ".!?") == 1
        for text in said
    ]  # fmt: skip
    return {
        "opening": float(np.mean([text.startswith(OPENING) for text in said])),
        "short": float(np.mean(short)),
    }


def table(numbers):
    titles = (f'begins "{OPENING}"', "short", "KL", "perplexity")
    lines = [f"{'':22}" + "".join(f"{title:>15}" for title in titles)]
    for name, runs in numbers["rows"].items():
        cells = "".join(f"{spread([run[column] for run in runs]):>15}" for column in COLUMNS)
        lines.append(f"{name:22}{cells}")
    text = (
        f"Answers to {numbers['tests']} questions about things that training never names; short: "
        f"one sentence of up to {WORDS} words. KL from the model that is told how, nats a token of "
        "its answers. Perplexity on held-out prose. A question takes "
        f"{numbers['context_tokens']} tokens with the context, {numbers['plain_tokens']} without. "
        f"{numbers['steps']} steps of 4 answers, {numbers['trained']:,} trained numbers;"
    )
    return "\n".join([*lines, note(text, numbers), "", samples(numbers)])
