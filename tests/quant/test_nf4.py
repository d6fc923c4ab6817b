"""The laws of NF4 on arrays that hypothesis draws, and what it refuses."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lora_np.quant import CODEBOOK, NF4, NF4Tensor, quantize_nf4
from lora_np.quant.double_quant import DYNAMIC_MAP, DoubleQuantized, double_quantize
from lora_np.quant.nf4 import MIDPOINTS, pack, pairs_of, unpack

HALF_WIDEST_GAP = np.diff(CODEBOOK).max() / 2  # between −1 and −0.696: 0.152
sizes = st.integers(1, 90)
block_sizes = st.sampled_from([1, 2, 3, 5, 16, 64, 100])
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=7)


def normal(size, seed, scale=1.0):
    return np.float32(scale) * np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def each_blocks(array, block_size):
    return np.split(array, range(block_size, array.size, block_size))


arrays = st.builds(normal, sizes, st.integers(0, 2**32 - 1), st.sampled_from([1e-20, 0.02, 1, 1e9]))


def test_codebook():
    assert CODEBOOK.dtype == np.float32
    assert [np.sum(CODEBOOK < 0), np.sum(CODEBOOK == 0), np.sum(CODEBOOK > 0)] == [7, 1, 8]
    assert CODEBOOK[0] == -1 and CODEBOOK[-1] == 1
    assert np.all(np.diff(CODEBOOK) > 0)


@given(arrays, block_sizes)
def test_error_is_at_most_half_the_widest_gap(array, block_size):
    tensor = quantize_nf4(array, block_size)
    error = np.abs(tensor.dequantize() - array)
    bound = np.repeat(tensor.absmax, block_size)[: array.size] * HALF_WIDEST_GAP
    assert np.all(error <= bound * (1 + 1e-5))


@given(arrays, block_sizes)
def test_each_code_is_the_nearest(array, block_size):
    tensor = quantize_nf4(array, block_size)
    scale = np.repeat(tensor.absmax, block_size)[: array.size].astype(np.float64)
    distance = np.abs(array[:, None] / scale[:, None] - CODEBOOK.astype(np.float64))
    chosen = distance[np.arange(array.size), tensor.unpack()]
    assert np.all(chosen <= distance.min(axis=1) + 1e-6)


@given(arrays, block_sizes)
def test_the_largest_of_a_block_is_kept(array, block_size):
    """A block's extreme is ±absmax: exact where positive codes and negative ones reach 1."""
    values = quantize_nf4(array, block_size).dequantize()
    for got, block in zip(each_blocks(values, block_size), each_blocks(array, block_size)):
        extreme = np.abs(block).argmax()
        np.testing.assert_allclose(got[extreme], block[extreme], rtol=2**-23)


@given(arrays, block_sizes)
def test_idempotent(array, block_size):
    """What quantize ∘ dequantize gives has the same codes again: the error is made once."""
    once = quantize_nf4(array, block_size)
    again = quantize_nf4(once.dequantize(), block_size)
    np.testing.assert_array_equal(again.codes, once.codes)


@given(arrays, block_sizes, st.integers(-12, 12))
def test_scaling_by_a_power_of_two_scales_the_result(array, block_size, exponent):
    factor = np.float32(2.0**exponent)
    one, other = quantize_nf4(array, block_size), quantize_nf4(array * factor, block_size)
    np.testing.assert_array_equal(other.codes, one.codes)
    np.testing.assert_array_equal(other.dequantize(), one.dequantize() * factor)


@given(arrays)
def test_monotone_within_a_block(array):
    values = quantize_nf4(np.sort(array), 100).dequantize()
    assert np.all(np.diff(values) >= 0)


@given(hnp.arrays(np.uint8, sizes, elements=st.integers(0, 15)))
def test_pack_then_unpack_is_the_identity(codes):
    packed = pack(codes)
    assert packed.dtype == np.uint8 and packed.shape == ((codes.size + 1) // 2,)
    np.testing.assert_array_equal(unpack(packed, codes.size), codes)


def test_the_even_element_is_in_the_high_half():
    assert pack(np.uint8([9, 13, 4, 12, 15])).tolist() == [0x9D, 0x4C, 0xF7]


def test_a_tie_goes_to_the_lower_code():
    """Each midpoint, in a block whose absmax is 1 so that nothing is rounded on the way."""
    codes = quantize_nf4(np.append(MIDPOINTS, np.float32(1)), 16).unpack()
    assert codes.tolist() == [*range(15), 15]


@given(shapes, block_sizes, st.booleans())
def test_any_shape_and_its_bytes(shape, block_size, double_quant):
    array = normal(shape, seed=0)
    tensor = quantize_nf4(array, block_size, double_quant)
    blocks = -(-array.size // block_size)
    scales = blocks + 4 * -(-blocks // 256) + 4 if double_quant else 4 * blocks
    assert tensor.nbytes == (array.size + 1) // 2 + scales
    assert tensor.shape == tensor.dequantize().shape == tensor.unpack().shape == shape
    assert tensor.absmax.shape == (blocks,) and tensor.absmax.dtype == np.float32


@pytest.mark.parametrize("blocks", [1, 255, 256, 257, 512, 513])
@pytest.mark.parametrize("double_quant", [True, False])
def test_the_formulas_bytes_where_a_block_of_scales_is_full(blocks, double_quant):
    held = quantize_nf4(np.ones(2 * blocks, np.float32), 2, double_quant).nbytes
    assert NF4(2, double_quant).nbytes(2 * blocks) == held


def test_a_bytes_two_numbers_are_those_of_its_codes():
    pairs = pairs_of(CODEBOOK).view(np.float32).reshape(256, 2)
    for byte, pair in enumerate(pairs):
        assert pair.tolist() == CODEBOOK[[byte >> 4, byte & 15]].tolist()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_input_and_output_dtypes(dtype):
    array = normal((5, 7), seed=1).astype(np.float16)
    tensor = quantize_nf4(array.astype(dtype), 16)
    np.testing.assert_array_equal(tensor.codes, quantize_nf4(array, 16).codes)
    assert tensor.dequantize(dtype).dtype == dtype
    np.testing.assert_array_equal(tensor.dequantize(dtype), tensor.dequantize().astype(dtype))


@pytest.mark.parametrize("size", [1, 63, 64, 130])
def test_zeros_stay_zero(size):
    tensor = quantize_nf4(np.zeros(size, np.float32))
    assert np.all(tensor.unpack() == 7) and not tensor.dequantize().any()


def test_blocks_follow_rows_whatever_the_memory_order():
    array = normal((6, 10), seed=2)
    np.testing.assert_array_equal(
        quantize_nf4(np.asfortranarray(array), 16).codes, quantize_nf4(array, 16).codes
    )


def test_large_arrays_are_worked_on_in_pieces():
    """Longer than the working piece, odd, with odd blocks and a ragged end: as block by block."""
    array = normal(200_001, seed=3)
    tensor = quantize_nf4(array, 999)
    alone = [quantize_nf4(block, 999) for block in each_blocks(array, 999)]
    np.testing.assert_array_equal(tensor.absmax, np.concatenate([t.absmax for t in alone]))
    np.testing.assert_array_equal(tensor.unpack(), np.concatenate([t.unpack() for t in alone]))
    values = np.concatenate([t.dequantize() for t in alone])
    np.testing.assert_array_equal(tensor.dequantize(), values)


@given(st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_double_quantized_scales(count, seed):
    """Each scale moves by at most half the map's widest gap times its nested absmax."""
    scales = np.abs(normal(count, seed)) + np.float32(2)
    doubled = double_quantize(scales)
    bound = np.diff(DYNAMIC_MAP).max() / 2 * np.repeat(doubled.nested_absmax, 256)[:count]
    # a little more: codes are found on a grid of 65,536, and the map begins at −0.993
    assert np.all(np.abs(doubled.dequantize() - scales) <= bound * 1.01 + 1e-6)
    assert doubled.dequantize().dtype == np.float32
    assert doubled.codes.shape == (count,) and doubled.nested_absmax.shape == (-(-count // 256),)


def test_the_map_of_scales():
    assert DYNAMIC_MAP.dtype == np.float32 and np.all(np.diff(DYNAMIC_MAP) > 0)
    np.testing.assert_array_equal(DYNAMIC_MAP[:127], -DYNAMIC_MAP[128:255][::-1])
    assert DYNAMIC_MAP[127] == 0 and DYNAMIC_MAP[255] == 1


def test_bits_a_weight():
    array = normal((512, 1536), seed=4)
    assert 8 * quantize_nf4(array).nbytes / array.size == 4.5
    doubled = 8 * quantize_nf4(array, double_quant=True).nbytes / array.size
    assert doubled == pytest.approx(4 + 8 / 64 + 32 / (64 * 256), abs=1e-4)


def test_it_never_changes_so_copies_share_it():
    tensor = quantize_nf4(normal(10, seed=5), double_quant=True)
    assert copy.deepcopy(tensor) is tensor
    for array in (tensor.codes, tensor.scales.codes, tensor.scales.nested_absmax):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_the_six_weights_of_the_worked_example():
    W = np.float32([[0.1, 0.4], [-0.2, 0.3], [0.7, -0.5]])
    x = np.float32([0.2, -0.3, 0.5])
    tensor = quantize_nf4(W)
    assert tensor.unpack().tolist() == [[9, 13], [4, 12], [15, 1]]
    assert tensor.codes.tolist() == [0x9D, 0x4C, 0xF1]
    assert tensor.absmax.tolist() == [np.float32(0.7)]
    assert tensor.nbytes == 7
    values = tensor.dequantize()
    np.testing.assert_allclose(x @ values, [0.43226, -0.25745], atol=5e-6)
    assert np.abs(values - W).max() == pytest.approx(0.01267, abs=5e-6)


BAD_ARRAYS = {
    "integers": (np.arange(4, dtype=np.int64), "float16, float32 or float64 array, got int64"),
    "complex": (np.ones(4, complex), "got complex128"),
    "nan": (np.float32([1, np.nan]), "finite in float32"),
    "infinity": (np.float32([1, -np.inf] * 50), "finite in float32"),
    "too large": (np.array([1e39]), "finite in float32"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_bad_arrays(name):
    array, message = BAD_ARRAYS[name]
    with pytest.raises(ValueError, match=message):
        quantize_nf4(array)


@pytest.mark.parametrize("block_size", [0, -64, 2.0, "64", True, None])
def test_bad_block_sizes(block_size):
    with pytest.raises(ValueError, match=f"whole number from 1, got {block_size!r}"):
        quantize_nf4(np.ones(4), block_size)


def test_parts_that_do_not_fit():
    codes, scales = np.zeros(32, np.uint8), np.ones(1, np.float32)
    with pytest.raises(ValueError, match=r"uint8 codes of shape \(33,\), got uint8 \(32,\)"):
        NF4Tensor(codes, scales, (66,))
    with pytest.raises(ValueError, match=r"uint8 codes .* got int64"):
        NF4Tensor(codes.astype(np.int64), scales, (64,))
    with pytest.raises(ValueError, match=r"float32 scales of shape \(2,\), got float32 \(1,\)"):
        NF4Tensor(codes, scales, (64,), block_size=32)
    with pytest.raises(ValueError, match="float32 nested_absmax .* got float64"):
        DoubleQuantized(codes, np.ones(1), 0.0)
    with pytest.raises(ValueError, match="uint8 codes .* got float32"):
        DoubleQuantized(scales, scales, 0.0)
