"""The four-bit codes that NF4 is compared with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.course.experiments.four_bit_codes import (
    CODES,
    E2M1,
    FP4,
    INT4,
    by_codebook,
    main,
    min_max_int4,
    signed,
)

NORMAL = np.random.default_rng(0).standard_normal(1 << 18).astype(np.float32)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("NF4", 0.00846),
        ("NF4, double-quantized", 0.00847),
        ("FP4 (bitsandbytes)", 0.0149),
        ("FP4 E2M1", 0.0112),
        ("INT4, symmetric", 0.0116),
        ("INT4, min-max", 0.0083),
    ],
)
def test_mean_squared_error_on_normal_numbers(name, expected):
    round_trip, _ = CODES[name]
    assert np.square(round_trip(NORMAL) - NORMAL).mean() == pytest.approx(expected, rel=0.02)


def test_nf4_is_not_the_code_of_least_squared_error():
    error = {name: np.square(code(NORMAL) - NORMAL).mean() for name, (code, _) in CODES.items()}
    assert min(error, key=error.get) == "INT4, min-max"
    assert error["NF4"] < min(error["FP4 E2M1"], error["INT4, symmetric"])


@pytest.mark.parametrize("name", CODES)
@given(size=st.integers(1, 200), seed=st.integers(0, 2**32 - 1), zeros=st.booleans())
def test_any_length_and_blocks_of_zeros(name, size, seed, zeros):
    array = np.random.default_rng(seed).standard_normal(size).astype(np.float32)
    if zeros:
        array[:64] = 0
    round_trip, _ = CODES[name]
    values = round_trip(array)
    assert values.shape == array.shape and values.dtype == np.float32
    assert np.isfinite(values).all()
    for block, got in zip(np.split(array, [64, 128]), np.split(values, [64, 128])):
        largest = np.abs(block).max(initial=0)
        assert np.all(np.abs(got - block) <= 0.2 * largest + 0.1)  # 0.1: scales in 8 bits


@pytest.mark.parametrize("values", [E2M1, FP4, INT4])
def test_a_codes_own_numbers_come_back(values):
    array = np.float32(0.25) * signed(values)
    assert array.size == 15  # plus and minus zero are one number
    np.testing.assert_array_equal(by_codebook(array, signed(values)), array)


def test_min_max_uses_all_sixteen_levels():
    array = np.arange(-5, 11, dtype=np.float32)
    np.testing.assert_array_equal(min_max_int4(array), array)
    one_sided = np.linspace(3, 4.5, 16, dtype=np.float32)  # 0 is kept as a level all the same
    assert np.abs(min_max_int4(one_sided) - one_sided).max() <= 4.5 / 30 + 1e-6


def test_the_command_prints_every_code(capsys):
    main(count=1 << 12, seeds=range(2))
    printed = capsys.readouterr().out
    assert all(name in printed for name in CODES)
    assert "442,368" in printed and "405,700" in printed
