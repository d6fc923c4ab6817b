"""Prompts and conversations of one's own: the answers count, all of them, and nothing else."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import talkers
from lora_np.methods import FullFineTuning
from lora_np.nn import GPT, GPTConfig
from lora_np.recipes.finetune import finetune
from lora_np.tasks import text
from lora_np.tasks.dialogue import dialogues
from lora_np.tasks.samples import samples
from lora_np.tokenizers.byte import END, VOCABULARY, ByteTokenizer, encode

words = st.text("abc \u00e9", max_size=12)


def rows_of(reading, length=500):
    """[(tokens that are read, tokens that count)] of both parts, a sample each."""
    train = [reading.train_rows, reading.train]
    for rows, tokens in (train, [reading.held_out_rows, reading.held_out]):
        yield from ((tokens[a:b].tolist(), tokens[b:c].tolist()) for a, b, c in rows)


@given(st.sets(st.tuples(words, words), min_size=2))
def test_a_completion_counts_with_its_end_and_a_prompt_does_not(pairs):
    reading = samples("pairs", sorted(pairs), ByteTokenizer)
    expected = [([END, *encode(p)], [*encode(c), END]) for p, c in pairs]
    assert sorted(rows_of(reading)) == sorted(expected)
    assert min(reading.documents) >= 1 and sum(reading.documents) == len(pairs)
    for batch in reading.held_out_batches(length=100):
        rows = zip(batch.tokens, batch.targets, batch.weights)
        for tokens, targets, weights in rows:
            n = int(weights.argmax()) + 1
            assert (tokens[:n].tolist(), targets[weights > 0].tolist()) in expected
    repeated = samples("pairs", sorted(pairs) * 3, ByteTokenizer)
    assert repeated.documents == tuple(3 * n for n in reading.documents)


@pytest.mark.extra("jinja2")
def test_each_answer_of_a_conversation_counts_as_dialogues_has_it():
    tokenizer, turns = talkers.ByteTokenizer(), [("system", "s"), ("user", "a"), ("assistant", "b")]
    long = [*turns, ("user", "more"), ("assistant", "yes"), ("user", "unanswered")]
    other = [("assistant", "not after anything"), ("user", "q"), ("assistant", "last")]
    reading = samples("talk", [long, other], tokenizer)
    pairs = [(long[:2], "b"), (long[:4], "yes"), (other[:2], "last")]
    whole = dialogues(tokenizer, pairs)
    found = sorted(
        (tokens[: weights.argmax() + 1].tolist(), targets[weights > 0].tolist())
        for tokens, targets, weights in zip(whole.tokens, whole.targets, whole.weights)
    )
    assert sorted(rows_of(reading)) == found
    assert sorted(reading.documents) == [1, 2]  # a conversation falls on one side


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20))
def test_what_is_too_long_loses_its_prompts_beginning_first(prompt, answer, length):
    pairs = [("p" * prompt + str(i), "a" * answer) for i in range(2)]
    reading = samples("long", pairs, ByteTokenizer)
    (batch,) = reading.held_out_batches(length=length)
    tokens = [*batch.tokens[0, :1], *batch.targets[0]]
    whole = [END, *encode(pairs[0][0])[:-1], 0, *encode(pairs[0][1]), END]
    counted = int(batch.weights.sum())
    assert len(tokens) == min(len(whole), length + 1) and counted == min(answer + 1, length)
    assert tokens[-counted:] == whole[prompt + 2 :][:counted]
    cut = 2 * (len(whole) > length + 1)
    assert (f"{cut} samples are cut to {length} tokens" in reading.describe(length)) == bool(cut)


def test_batches_are_alike_in_shape_and_drawn_by_the_rng():
    pairs = [("p" * (i % 7), "a" * (i * 5 % 11)) for i in range(77)]
    reading = samples("some", pairs, ByteTokenizer)
    first, second = (reading.batches(np.random.default_rng(3), 5, 64) for _ in range(2))
    for _ in range(10):
        one, other = next(first), next(second)
        assert one.tokens.tobytes() == other.tokens.tobytes() and one.total > 0
        assert one.tokens.shape == (5, 6 + 10 + 2 - 1)
    sizes = [len(batch) for batch in reading.held_out_batches(4, 3)]
    assert sizes == [3, 1] or sum(sizes) == reading.documents[1] < 4


def test_it_is_said_how_many_tokens_count(tmp_path):
    rows = [{"prompt": f"{i} + 1 =", "completion": f" {i + 1}"} for i in range(99)]
    (tmp_path / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
    reading = text.file(tmp_path / "sums.jsonl")
    answers = sum(len(row["completion"]) + 1 for row in rows)
    assert "is 99 rows of JSONL, prompt and completion: " in str(reading)
    assert f"{answers} tokens are answers, and only those count" in str(reading)
    assert "samples held out, chosen by a hash of their own text" in str(reading)


def test_a_model_learns_from_them():
    """Through the whole fine-tuning, and the digest that a sweep takes of a text."""
    pairs = [(f"{'x' * (i % 5)}?", "yes" if i % 2 else "no") for i in range(40)]
    reading = samples("answers", [(f"{p}{i}", c) for i, (p, c) in enumerate(pairs)], ByteTokenizer)
    config = GPTConfig(VOCABULARY, n_positions=32, n_embd=16, n_layer=1, n_head=2)
    base = GPT(config, np.random.default_rng(0))
    _, _, numbers = finetune(
        base, FullFineTuning(), reading, lr=0.01, steps=30, length=31, progress=False
    )
    assert numbers["after"]["answers"] < numbers["before"]["answers"] - 0.5
    assert reading.train.tobytes() and reading.held_out.tobytes()


class NoEnd(ByteTokenizer):
    end = None


@pytest.mark.parametrize(
    ("found", "tokenizer", "message"),
    [
        ([("a", "b")], ByteTokenizer, "some: expected two samples that differ, .* found one$"),
        ([("a", ""), ("b", "c")], NoEnd, "some: expected a prompt and a completion, since"),
        ([("", "a"), ("b", "c")], NoEnd, "some: expected a prompt and a completion, since"),
        (
            [[("user", "a"), ("assistant", "b")], ("b", "c")],
            ByteTokenizer,
            "some: chat: this tokenizer",
        ),
    ],
)
def test_samples_that_cannot_be_used(found, tokenizer, message):
    with pytest.raises(ValueError, match=message):
        samples("some", found, tokenizer)


def test_every_sample_comes_and_comes_about_equally_often():
    reading = samples("three", [(f"{i}", "a") for i in range(6)], ByteTokenizer)
    n = len(reading.train_rows)
    batch = next(reading.batches(np.random.default_rng(0), 600 * n))
    _, times = np.unique(batch.tokens, axis=0, return_counts=True)
    assert len(times) == n > 1 and times.min() > 450
