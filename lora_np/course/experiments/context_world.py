"""What the experiment on context distillation reads, and how it measures a skill."""

import numpy as np

from ...generation.sampling import generate
from ...tasks import without_context
from ...tasks.worlds import skills

PROMPT = skills.LENGTH + 1  # the digits and the arrow
TRIES = 300  # new strings whenever a share of right answers is measured


def lesson(student, teacher, skill, size, rng):
    """Digits and the answers that the instructed teacher draws, with what it thought of each."""
    instruction = skills.instruction(skill)
    prompts = np.concatenate([np.tile(instruction, (size, 1)), some_digits(size, rng)], axis=1)
    texts = generate(teacher, prompts, skills.LENGTH, temperature=1.0, rng=rng)
    return without_context(student, teacher, instruction, texts[:, len(instruction) :], PROMPT)


def some_digits(size, rng):
    digits = rng.integers(skills.DIGITS, size=(size, skills.LENGTH))
    return np.concatenate([digits, np.full((size, 1), skills.ARROW)], axis=1)


def right(model, instructions, skill, rng, tried=TRIES):
    """The share of new strings that the model answers rightly behind these letters, if any."""
    prompts = some_digits(tried, rng)
    expected = skills.answer(skill, prompts[:, : skills.LENGTH])
    behind = np.concatenate([np.tile(instructions, (tried, 1)), prompts], axis=1)
    answers = generate(model, behind, skills.LENGTH)[:, -skills.LENGTH :]
    return float((answers == expected).all(axis=1).mean())


def unaided(model, skill, rng, tried=TRIES):
    return right(model, np.empty(0, np.int64), skill, rng, tried)


def measure(model, skill, rng, tried=TRIES):
    """Without the instruction, with it, and what became of the other skills with theirs."""
    others = [other for other in skills.KNOWN if other != skill]
    kept = [right(model, skills.instruction(other), other, rng, tried) for other in others]
    return {
        "without": unaided(model, skill, rng, tried),
        "with": right(model, skills.instruction(skill), skill, rng, tried),
        "others": float(np.mean(kept)),
    }
