"""What the quantizers print, write into a config and call themselves; and the dtypes they keep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.checkpoint.bitsandbytes import quantization_config
from lora_np.course.experiments.four_bit_codes import (
    CODES,
    E2M1,
    by_codebook,
    main,
    min_max_int4,
    print_bytes,
    signed,
)
from lora_np.quant import NF4Linear, NF4Tensor, quantize_nf4
from lora_np.quant.double_quant import DoubleQuantized, double_quantize
from lora_np.quant.int8 import CHUNK, Int8Embedding, Int8Head, quantize_table

RNG = np.random.default_rng


def test_the_table_of_codes(capsys):
    """Each line is what the code does to the same numbers, with its spread over the seeds."""
    main(count=1 << 12, seeds=range(2))
    lines = capsys.readouterr().out.split("\n")
    assert lines[0] == "4,096 numbers from N(0, 1) for each of 2 seeds, blocks of 64"
    columns = ("code", "mean squared error", "mean |error|", "bits a weight")
    assert lines[1] == "{:24}{:>22}{:>14}{:>15}".format(*columns)
    arrays = [RNG(seed).standard_normal(1 << 12, np.float32) for seed in range(2)]
    for line, (name, (round_trip, bits)) in zip(lines[2:], CODES.items()):
        errors = np.array([round_trip(x).astype(float) - x for x in arrays])
        squared = np.square(errors).mean(axis=1)
        mse = f"{squared.mean():.5f} ± {squared.std():.5f}"
        assert line == f"{name:24}{mse:>22}{np.abs(errors).mean():14.4f}{bits:15.3f}"
    counts = np.bincount(np.concatenate([quantize_nf4(x).unpack() for x in arrays]))
    share = counts / counts.sum()
    assert lines[9] == (
        f"NF4 uses its codes from {share.min():.1%} to {share.max():.1%} of the time; "
        f"their entropy is {-sum(p * np.log2(p) for p in share):.3f} bits of 4."
    )
    assert len(share) == 16 and lines[8] == lines[10] == ""
    print_bytes(512, 1536)
    assert capsys.readouterr().out.split("\n")[1:] == lines[11:]


@pytest.mark.parametrize("block", [64, 100])
def test_the_table_of_bytes(capsys, block):
    """The formula and the arrays agree; 3,000 numbers are 47 blocks of 64, the last one ragged."""
    print_bytes(30, 100, block)
    blocks = -(-3000 // block)
    rows = [("float32", 12_000), ("NF4", 1500 + 4 * blocks)]
    rows += [("NF4, double-quantized", 1500 + blocks + 4 + 4)]
    title = "{:24}{:>18}{:>12}{:>12}"
    expected = ["", title.format("30 × 100 weights", "bytes by formula", "nbytes", "of float32")]
    expected += [f"{name:24}{n:18,}{n:12,}{n / 12_000:12.3f}" for name, n in rows]
    assert capsys.readouterr().out.split("\n") == [*expected, ""]


def test_the_bytes_of_more_than_one_nested_block(capsys):
    """300 blocks have two nested scales."""
    print_bytes(64, 300)
    assert f"{9600 + 300 + 8 + 4:,}" in capsys.readouterr().out


@given(size=st.integers(1, 150), seed=st.integers(0, 2**32 - 1))
def test_float64_is_rounded_first_and_blocks_are_of_64(size, seed):
    array = RNG(seed).standard_normal(size)
    for code in (lambda x, *n: by_codebook(x, signed(E2M1), *n), min_max_int4):
        values = code(array)
        assert values.dtype == np.float32
        assert np.array_equal(values, code(array.astype(np.float32)))
        assert np.array_equal(values, code(array, 64))


def test_a_float64_is_rounded_before_it_is_compared():
    """A hair above a midpoint is the midpoint in float32, and a tie goes to the lower code."""
    codebook = signed(E2M1)
    midpoint = (codebook[8:9] + codebook[9:10]) / 2
    array = np.append(midpoint.astype(np.float64) * (1 + 1e-12), 1.0)
    assert by_codebook(array, codebook).tolist() == [codebook[8], 1]


@pytest.mark.parametrize("double", [True, False])
def test_what_transformers_reads(double):
    tensor = quantize_nf4(np.ones((4, 4), np.float32), double_quant=double)
    assert quantization_config([tensor, tensor]) == {
        "quant_method": "bitsandbytes",
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": double,
        "bnb_4bit_quant_storage": "uint8",
        "bnb_4bit_compute_dtype": "float32",
    }


def test_a_tensor_says_what_it_is():
    array = np.ones((4, 6), np.float32)
    assert repr(quantize_nf4(array)) == "NF4Tensor((4, 6), blocks of 64, 16 bytes)"
    doubled = repr(quantize_nf4(array, 12, double_quant=True))
    assert doubled == "NF4Tensor((4, 6), double-quantized blocks of 12, 22 bytes)"


def test_scales_whose_spread_has_no_reciprocal():
    """1/1e-39 is more than float32 holds: the ends of the map, and not codes beyond them."""
    doubled = double_quantize(np.float32([1e-39, 3e-39]))
    assert doubled.codes.tolist() == [0, 255]
    assert np.allclose(doubled.dequantize(), [1e-39, 3e-39], rtol=0.02, atol=0)


def test_an_array_for_a_bias_does_not_learn():
    layer = NF4Linear(quantize_nf4(np.ones((2, 3))), np.ones(2, np.float32))
    assert not layer.bias.trainable and not layer.trainable_parameters()


def test_no_scales_have_an_offset_of_zero():
    assert double_quantize(np.zeros(0, np.float32)).offset == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_table_in_8_bits_computes_in_the_dtype_asked_for(dtype):
    """To the bit of the dense layer's products on the numbers that the table stands for."""
    table = quantize_table(RNG(0).standard_normal((9, 32)))
    assert len(table.codes) < CHUNK
    dense = table.codes.astype(dtype).reshape(9, 1, 32) * table.scales.astype(dtype)[..., None]
    dense = dense.reshape(9, 32)
    assert np.array_equal(table.read(slice(None), dtype), dense) and dense.dtype == dtype
    y = Int8Embedding(table, dtype)(np.array([0, 8]))
    assert np.array_equal(y, dense[[0, 8]]) and y.dtype == dtype
    x, dlogits = RNG(1).standard_normal((5, 32)).astype(dtype), np.ones((5, 9), dtype)
    head = Int8Head(table)
    assert np.array_equal(head(x), x @ dense.T) and head(x).dtype == dtype
    dx = head.backward(dlogits, None)
    assert np.array_equal(dx, dlogits @ dense) and dx.dtype == dtype


def test_parts_become_what_they_stand_for():
    """A shape from JSON is a tuple of whole numbers, an offset from JSON a float32."""
    tensor = NF4Tensor(np.zeros(3, np.uint8), np.ones(1, np.float32), [np.int64(2), 3])
    assert tensor.shape == (2, 3) and {type(side) for side in tensor.shape} == {int}
    scales = DoubleQuantized(np.zeros(2, np.uint8), np.ones(1, np.float32), 0.1)
    assert type(scales.offset) is np.float32 and scales.nbytes == 2 + 4 + 4
    assert scales.dequantize().dtype == scales.dtype == np.float32
