"""Embeddings in 8 bits: near the table, exact for one that was in 8 bits, and used alike."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.llamas import ATTENTION, CONFIG, small_llama
from helpers.models import moved, some_tokens
from lora_np.generation import generate
from lora_np.gradcheck import check_gradients
from lora_np.methods import FullFineTuning, HeadTuning, QLoRA
from lora_np.nn import Embedding, Head
from lora_np.quant.int8 import CHUNK, Int8Embedding, Int8Head, quantize_table

RNG = np.random.default_rng
WIDE = dataclasses.replace(CONFIG, hidden_size=32)
INT8 = QLoRA(2, 3.0, ATTENTION, block_size=16, double_quant=True, int8_embeddings=True)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 5), d=st.sampled_from([32, 64]))
def test_nearest_and_idempotent(seed, n, d):
    table = RNG(seed).standard_normal((n, d)).astype(np.float32)
    table[0, :32] = 0
    packed = quantize_table(table)
    values = packed.read(slice(None), np.float32)
    largest = np.abs(table).reshape(n, -1, 32).max(axis=-1).repeat(32, axis=-1)
    # Half a step of the code, and half a unit in the last of float16's 11 bits of scale
    assert (np.abs(values - table) <= largest * (0.5 / 127 + 2**-11) + 1e-30).all()
    assert not values[0, :32].any() and packed.nbytes == n * d * 17 // 16
    again = quantize_table(values)
    assert np.array_equal(again.codes, packed.codes)
    assert np.array_equal(again.read(slice(None), np.float32), values)


def test_layers_equal_the_dense_ones():
    """Also where the head needs more than one chunk."""
    packed = quantize_table(RNG(0).standard_normal((CHUNK + 5, 32)))
    table = packed.read(slice(None), np.float64)
    ids = RNG(1).integers(0, CHUNK + 5, (2, 3))
    assert np.array_equal(Int8Embedding(packed, np.float64)(ids), Embedding(table)(ids))
    x, dlogits = RNG(2).standard_normal((2, 3, 32)), RNG(3).standard_normal((2, 3, CHUNK + 5))
    mine, theirs = Int8Head(packed), Head(table).freeze()
    assert np.allclose(mine(x), theirs(x), atol=1e-12)
    dx = mine.backward(dlogits, None)
    assert np.allclose(dx, theirs.backward(dlogits, None), atol=1e-10)
    assert mine.backward(dlogits, None, below_trains=False) is None


def test_qlora_with_everything_packed():
    """Gradients through it, generation, tied tables shared, and no dense table left behind."""
    base = small_llama(WIDE)
    model = moved(INT8.apply(base, RNG(0)))
    assert model.embed_tokens.table is model.lm_head.table
    assert {name.split(".")[-1] for name, p in model.named_parameters() if p.data.ndim == 2} == {
        "A",
        "B",
    }
    assert max(check_gradients(model, some_tokens()).values()) <= 1e-7
    tokens = prompt = some_tokens(2, 3)
    for _ in range(4):
        tokens = np.concatenate([tokens, model(tokens)[:, -1:].argmax(axis=-1)], axis=1)
    assert np.array_equal(generate(model, prompt, 4), tokens)
    single = model.astype(np.float32)
    assert single(prompt).dtype == np.float32


def test_a_head_that_learns_stays():
    model = INT8.apply(HeadTuning(3).apply(small_llama(WIDE), RNG(0)), RNG(0))
    assert isinstance(model.lm_head, Head) and model.lm_head.weight.trainable
    assert isinstance(model.embed_tokens, Int8Embedding)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: INT8.apply(small_llama(), RNG(0)), "blocks of 32 do not divide a width of 6"),
        (lambda: quantize_table(np.full((1, 32), 1e7)), "expected finite numbers, below 8 million"),
        (lambda: Int8Embedding(quantize_table(np.ones((2, 32))))(np.array([2])), "ids from 0 to 1"),
        (lambda: INT8.apply(FullFineTuning().apply(small_llama(WIDE)), RNG(0)), "learns, and"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
