"""NF4Linear beyond the contract of linear-like layers: its bytes, its names, its neighbours."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given

from contracts.laws import close
from helpers.builders import linear
from helpers.strategies import cases
from lora_np.methods import LoRALinear
from lora_np.nn import Linear, Parameter
from lora_np.quant import NF4Linear, quantize_nf4


def layer_512_1536(dtype=np.float32):
    weight = np.random.default_rng(0).standard_normal((512, 1536)).astype(dtype)
    return Linear(weight, np.zeros(1536, dtype))


@given(cases())
def test_it_acts_as_the_rounded_weight(case):
    """Blocks run along (out, in), as bitsandbytes takes a layer; Ŵ itself is (in, out)."""
    dense = linear(case)
    layer = NF4Linear.from_linear(dense, block_size=4)
    rounded = quantize_nf4(dense.weight.data.T, 4).dequantize(np.float64).T
    close(layer.effective_weight(), rounded, "effective weight", 0)
    close(layer(case.x()), Linear(rounded, dense.bias)(case.x()), "output", 1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_computes_in_its_inputs_dtype(dtype):
    layer = NF4Linear.from_linear(layer_512_1536())
    x = np.random.default_rng(1).standard_normal((3, 512)).astype(dtype)
    y, cache = layer.forward(x)
    assert y.dtype == dtype and layer.backward(y, cache).dtype == dtype and cache is None
    assert layer.dtype == layer.effective_weight().dtype == np.float32
    layer.set_dtype(dtype)
    assert layer.dtype == layer.effective_weight().dtype == dtype


@pytest.mark.parametrize("double_quant, expected", [(False, 442_368), (True, 405_700)])
def test_bytes_of_the_documents_layer(double_quant, expected):
    """786,432 weights at half a byte, and 12,288 scales of four bytes, or of one and a bit."""
    dense = layer_512_1536()
    layer = NF4Linear.from_linear(dense, double_quant=double_quant)
    assert dense.weight.nbytes == 3_145_728
    assert layer.quantized.nbytes == expected
    assert layer.nbytes == expected + 4 * 1536


def test_no_dense_copy_outlives_a_call():
    layer = NF4Linear.from_linear(layer_512_1536())
    x = np.ones((2, 512), np.float32)
    tracemalloc.start()
    try:
        y, cache = layer.forward(x)
        layer.backward(y, cache)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 100_000  # the dense weight is 3,145,728


def test_only_the_bias_has_a_name_and_it_is_frozen():
    layer = NF4Linear.from_linear(layer_512_1536())
    assert [(name, p.trainable) for name, p in layer.named_parameters()] == [("bias", False)]
    wrapped = LoRALinear(layer, 2, 4, np.random.default_rng(0))
    assert [name for name, _ in wrapped.named_parameters()] == ["A", "B", "bias"]


def test_views_share_the_four_bits():
    layer = NF4Linear.from_linear(layer_512_1536())
    view = layer.view()
    assert view.quantized is layer.quantized
    assert np.shares_memory(view.bias.data, layer.bias.data)


def test_a_bias_may_learn():
    """The base's weight cannot, but bias tuning over it can."""
    layer = NF4Linear.from_linear(layer_512_1536()).view()
    layer.bias.train()
    y, cache = layer.forward(np.ones((3, 512), np.float32))
    layer.backward(np.ones_like(y), cache)
    np.testing.assert_array_equal(layer.bias.grad, np.full(1536, 3, np.float32))


def test_training_leaves_the_bytes_alone():
    rng = np.random.default_rng(2)
    layer = LoRALinear(NF4Linear.from_linear(layer_512_1536()), 2, 8, rng)
    quantized = layer.base.quantized
    before = quantized.codes.tobytes(), quantized.absmax.tobytes()
    x = rng.standard_normal((4, 512), np.float32)
    first = layer(x)
    for _ in range(3):
        y, cache = layer.forward(x)
        layer.backward(y, cache)
        for p in layer.trainable_parameters():
            p.data -= np.float32(1e-4) * p.grad
            p.grad = None
    assert not np.array_equal(layer(x), first)
    assert (quantized.codes.tobytes(), quantized.absmax.tobytes()) == before


def test_merge_is_dense_on_the_weight_that_training_saw():
    rng = np.random.default_rng(3)
    layer = LoRALinear(NF4Linear.from_linear(layer_512_1536(np.float64)), 4, 2, rng)
    layer.B.data += 0.05 * rng.standard_normal(layer.B.shape)
    merged, x = layer.merge(), rng.standard_normal((3, 512))
    assert type(merged) is Linear
    close(merged(x), layer(x), "merged against layer", 1e-11)


ERRORS = {
    "not a tensor": (lambda: NF4Linear(np.ones((2, 2))), "expected an NF4Tensor"),
    "not a matrix": (lambda: NF4Linear(quantize_nf4(np.ones(4))), r"\(out, in\), got NF4Tensor"),
    "bias": (
        lambda: NF4Linear(quantize_nf4(np.ones((2, 3))), Parameter(np.ones(3))),
        r"expected a bias \(2,\), got \(3,\)",
    ),
    "wrapped": (
        lambda: NF4Linear.from_linear(LoRALinear(layer_512_1536(), 1, 2, np.random.default_rng(0))),
        "expected a Linear, got LoRALinear; merge",
    ),
    "width": (
        lambda: NF4Linear.from_linear(layer_512_1536())(np.ones((2, 1536), np.float32)),
        r"expected x of shape \(\.\.\., 512\), got an array of shape \(2, 1536\)",
    ),
    "dtype": (
        lambda: NF4Linear.from_linear(layer_512_1536())(np.ones((2, 512), np.float16)),
        "expected x in float32 or float64, got float16",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        call()
