"""AdamW in 8 bits: bitsandbytes' bits, nearly AdamW's steps, a quarter of its bytes."""

import numpy as np
import pytest

from golden.readers.adamw_8bit_cases import SETTINGS, STEPS, TARGET, numbers
from lora_np import AdamW, Parameter
from lora_np.memory import formulas, measured
from lora_np.quant.double_quant import UNSIGNED_MAP
from lora_np.train import AdamW8bit
from lora_np.train.adamw_8bit import CHUNK, LEAST


def test_moments_have_bitsandbytes_bits():
    """After each step. Weights are within a few last places: torch's root is not exact."""
    golden = np.load(TARGET)
    np.testing.assert_array_equal(UNSIGNED_MAP, golden["unsigned_map"])
    w = Parameter(numbers(0))
    optimizer = AdamW8bit([w], **SETTINGS)
    for step in range(1, STEPS + 1):
        w.grad = numbers(step)
        optimizer.step()
        for i, held in (1, optimizer.m[0]), (2, optimizer.v[0]):
            np.testing.assert_array_equal(held.codes, golden[f"state{i}.{step}"])
            np.testing.assert_array_equal(held.absmax, golden[f"absmax{i}.{step}"])
    np.testing.assert_allclose(w.data, golden["w"], 1e-5, 1e-8)


def stepped(kind, size, steps=5, seed=0):
    rng, w = np.random.default_rng(seed), Parameter(np.zeros(size, np.float32))
    optimizer = kind([w], lr=0.01)
    for _ in range(steps):
        w.grad = rng.standard_normal(size, dtype=np.float32)
        optimizer.step()
    return w, optimizer


def test_it_steps_as_adamw_does_nearly():
    """Over several chunks, in any layout; and in float, bit for bit, where there is little."""
    size = CHUNK + 300
    w, _ = stepped(AdamW8bit, size)
    expected, _ = stepped(AdamW, size)
    assert 0 < np.abs(w.data - expected.data).max() < 0.2 * np.abs(expected.data).max()
    small, _ = stepped(AdamW8bit, LEAST - 1)
    np.testing.assert_array_equal(small.data, stepped(AdamW, LEAST - 1)[0].data)
    wide = np.random.default_rng(0).standard_normal((64, 65)).astype(np.float32)
    found = []
    for data in (wide.copy(), np.asfortranarray(wide)):
        parameter = Parameter(data)
        optimizer = AdamW8bit([parameter])
        parameter.grad = wide
        optimizer.step()
        assert parameter.data is data
        found.append(data)
    assert np.array_equal(*found) and not np.array_equal(found[0], wide)


@pytest.mark.parametrize("size", [LEAST - 1, LEAST, LEAST + 1, 10_000])
def test_its_bytes_are_those_of_the_formula(size):
    _, optimizer = stepped(AdamW8bit, size, 1)
    assert measured.optimizer_bytes(optimizer) == formulas.moments_8bit([size])
    assert formulas.moments_8bit([1 << 20]) == 2 * (1 + 4 / 256) * (1 << 20)
