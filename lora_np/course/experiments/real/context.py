"""A system prompt moves into an adapter: context distillation on a real model.

The teacher is the model itself behind a prompt that asks for a manner and shows it in three turns,
as Askell et al. (2021, §2) did with a longer one. The student reads the plain question, and learns
the teacher's whole distribution over each token of its answers. No answer was written by anyone.
"""

import numpy as np

from ....objectives import context_distillation
from ....tasks import TaughtBatch, reference
from ....tasks.dialogue import answers, dialogues
from ....tasks.worlds.questions import NEW_THINGS, questions
from ....tokenizers.chat_template import chat_tokens
from ....train.loop import held_out_loss
from ..common import over_seeds, spread, text_table
from .common import METHOD, SHORT, intervals, learn, note, open_model, prose_perplexity, samples

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
    size = SHORT if quick else {"steps": 20, "tests": 72, "windows": 8}
    seeds, tell = 1 if quick else seeds, progress or (lambda text: None)
    trial = Trial(*(model or open_model()), size, 6 if quick else 36, tell)
    before, row = trial.score(trial.base)
    rows = {"base": [row]}
    rows["base, told how"] = [{**manner(trial.wanted), "KL": 0.0, "perplexity": row["perplexity"]}]
    tell(f"base: {row}; told how: {manner(trial.wanted)}")
    rows["LoRA r 8, told nothing"], seconds = over_seeds(trial.one_seed, seeds, first)
    shown = [
        dict(zip(("question", "base", "told how", "LoRA"), each))
        for each in zip(trial.tests[:3], before, trial.wanted, trial.said)
    ]
    numbers = {
        "quick": quick,
        **size,
        "seeds": seeds,
        "texts": trial.texts,
        "rows": rows,
        "samples": shown,
        "context_tokens": len(chat_tokens(trial.tokenizer, asked("", CONTEXT))),
        "plain_tokens": len(chat_tokens(trial.tokenizer, asked(""))),
        "trained": sum(p.size for p in trial.student.trainable_parameters()),
        "cpu_seconds_a_seed": seconds,
    }
    return numbers, trial.student


class Trial:
    """The base, its teacher, the tests, which are the same for all seeds, and the last student."""

    def __init__(self, base, tokenizer, size, texts, tell):
        self.base, self.tokenizer, self.size, self.texts = base, tokenizer, size, texts
        self.teacher, self.tell, self.said = reference(base), tell, None
        self.tests = questions(size["tests"], np.random.default_rng(0), NEW_THINGS)
        self.wanted = self.answers_of_teacher(self.tests)
        four_each = range(0, len(self.tests), 4)
        self.scored = [
            lesson(self.teacher, tokenizer, self.tests[i : i + 4], self.wanted[i : i + 4])
            for i in four_each
        ]

    def answers_of_teacher(self, asking):
        talks = [asked(question, CONTEXT) for question in asking]
        return answers(self.teacher, self.tokenizer, talks, LONGEST)

    def score(self, model):
        """(what the model answers to the tests, its row)."""
        said = answers(model, self.tokenizer, [asked(q) for q in self.tests], LONGEST)
        return said, {
            **manner(said),
            "KL": held_out_loss(model, self.scored, context_distillation),
            "perplexity": prose_perplexity(model, self.tokenizer, self.size["windows"]),
        }

    def one_seed(self, seed):
        """Distil the context into LoRA; the student's row."""
        rng = np.random.default_rng(seed)
        reading = questions(self.texts, rng)
        written = self.answers_of_teacher(reading)
        self.student = METHOD.apply(self.base, rng)
        batches = lessons(self.teacher, self.tokenizer, reading, written, rng)
        steps = self.size["steps"]
        losses, cpu = learn(self.student, batches, context_distillation, steps)
        said, row = self.score(self.student)
        self.said = self.said or said  # the first seed's
        self.tell(f"seed {seed}: {row}, {cpu:.0f} s")
        return {**row, "losses": losses, "CPU seconds": cpu}


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
    x, _ = teacher.forward_body(behind.tokens, keep=False)
    logits = teacher.lm_head(x[:, more:])  # its position more + t beside the student's t
    return TaughtBatch(plain.tokens, plain.targets, plain.weights, logits)


def manner(said):
    """Shares of answers that begin as asked, and that are one short sentence."""
    short = [
        len(text.split()) <= WORDS
        and text.strip()[-1:] in (".", "!", "?")
        and sum(text.strip().removeprefix(OPENING).count(mark) for mark in ".!?") == 1
        for text in said
    ]
    return {
        "opening": float(np.mean([text.startswith(OPENING) for text in said])),
        "short": float(np.mean(short)),
    }


def table(numbers):
    titles = (f'begins "{OPENING}"', "short", "KL", "perplexity")
    rows = (
        (name, *(spread([run[column] for run in runs]) for column in COLUMNS))
        for name, runs in numbers["rows"].items()
    )
    lines = text_table(("", *titles), rows, (22, 15))
    text = (
        f"Answers to {numbers['tests']} questions about things that training never names; short: "
        f"one sentence of up to {WORDS} words. KL from the model that is told how, nats a token of "
        "its answers. Perplexity on held-out prose. A question takes "
        f"{numbers['context_tokens']} tokens with the context, {numbers['plain_tokens']} without. "
        f"{numbers['steps']} steps of 4 answers, {numbers['trained']:,} trainable parameters;"
    )
    by_cases = intervals(numbers, dict.fromkeys(COLUMNS[:2], numbers["tests"]))
    return "\n".join([*lines, note(text, numbers), "", by_cases, "", samples(numbers)])
