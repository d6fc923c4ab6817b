"""The skills task: answers, instructions, blanks, and the base that was trained on them."""

from dataclasses import replace

import numpy as np
import pytest

from lora_np.course.experiments import bases
from lora_np.tasks.worlds import skills

RNG = np.random.default_rng


def test_answers():
    digits = np.array([[3, 1, 4, 1, 9]])
    expected = {
        "copy": [3, 1, 4, 1, 9],
        "reverse": [9, 1, 4, 1, 3],
        "rotate left": [1, 4, 1, 9, 3],
        "rotate right": [9, 3, 1, 4, 1],
        "add 1": [4, 2, 5, 2, 0],
        "add 9": [2, 0, 3, 0, 8],
        "add 5": [8, 6, 9, 6, 4],
        "reverse, then add 1": [0, 2, 5, 2, 4],
    }
    for skill, answer in expected.items():
        assert skills.answer(skill, digits).tolist() == [answer], skill


def test_new_skills_are_new():
    every = list(skills.SKILLS.values())
    assert len(set(every)) == len(every) == len(skills.KNOWN) + len(skills.NEW)


def test_each_slot_alone_tells_the_skills_apart():
    codes = np.stack([skills.instruction(skill) for skill in skills.KNOWN])
    assert codes.min() >= skills.FIRST_LETTER and codes.max() < skills.VOCABULARY
    assert all(len(set(column)) == len(skills.KNOWN) for column in codes.T)


def test_a_skills_batch():
    batch = skills.Skill("reverse").batch(6, RNG(0))
    assert batch.tokens.shape == (6, 14) and (batch.tokens[:, :4] == skills.BLANK).all()
    assert (batch.tokens[:, 9] == skills.ARROW).all() and batch.total == 30
    assert np.array_equal(batch.targets[:, -5:], batch.tokens[:, 4:9][:, ::-1])
    assert np.array_equal(batch.targets[:, :-1], batch.tokens[:, 1:])
    with pytest.raises(ValueError, match="a skill among copy, .*; got 'sort'"):
        skills.Skill("sort")


def test_the_mix_never_blanks_every_slot():
    batch = skills.mixed_batch(400, RNG(0), blank=0.9)
    blanks = (batch.tokens[:, :4] == skills.BLANK).sum(axis=1)
    assert blanks.max() == 3
    for tokens, targets in zip(batch.tokens, batch.targets):
        at = [j for j in range(4) if tokens[j] != skills.BLANK][0]
        skill = next(s for s in skills.KNOWN if skills.instruction(s)[at] == tokens[at])
        assert np.array_equal(skills.answer(skill, tokens[None, 4:9])[0], targets[-5:])


def test_the_base_knows_its_skills_wherever_the_text_stands():
    base, rng = bases.SKILLS.load(), RNG(5)
    room = base.config.n_positions - 14
    for skill in skills.KNOWN:
        digits = rng.integers(10, size=(100, 5))
        slots = np.tile(skills.instruction(skill), (100, 1))
        batch = skills.batch_of(slots, digits, skills.answer(skill, digits))
        assert skills.accuracy(base, batch) >= 0.99, skill
        guessed = base(batch.tokens, position=room)[:, -5:].argmax(axis=-1)
        assert (guessed == batch.targets[:, -5:]).all(axis=1).mean() >= 0.99, skill


def test_the_base_comes_from_its_command(tmp_path, monkeypatch):
    """A few steps of the same training, saved in half the bytes and loaded again."""
    base = replace(bases.SKILLS, steps=3)
    model = base.train()
    monkeypatch.setattr(bases, "DATA", tmp_path)
    base.save(model)
    loaded = base.load()
    assert [path.name for path in tmp_path.iterdir()] == ["skills_base.safetensors"]
    for (name, p), (_, q) in zip(model.named_parameters(), loaded.named_parameters()):
        assert np.array_equal(p.data.astype(np.float16), q.data), name
        assert q.dtype == np.float32 and not q.trainable
