"""bitsandbytes' serialized form: there and back bit for bit, and what is refused.

That the bytes are bitsandbytes' own is tested with the golden GPT-2 directories.
"""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.checkpoint.bitsandbytes import STATES, from_bnb, quantization_config, to_bnb
from lora_np.quant import quantize_nf4

QUANT_STATE = STATES["nf4"]
STATE = "w" + QUANT_STATE


def weight(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    block=st.sampled_from([5, 64]),
    double=st.booleans(),
)
def test_there_and_back(shape, block, double):
    tensor = quantize_nf4(weight(*shape), block, double)
    parts = to_bnb("w", tensor)
    assert all(
        name.startswith("w") and array.dtype in (np.uint8, np.float32)
        for name, array in parts.items()
    )
    again = from_bnb("w", parts, shape)
    assert (again.shape, again.block_size, again.double_quant) == (shape, block, double)
    assert again.codes.tobytes() == tensor.codes.tobytes()
    assert again.dequantize().tobytes() == tensor.dequantize().tobytes()
    assert {n: a.tobytes() for n, a in to_bnb("w", again).items()} == {
        n: a.tobytes() for n, a in parts.items()
    }


def with_state(**changes):
    def change(parts):
        state = json.loads(parts[STATE].tobytes()) | changes
        parts[STATE] = np.frombuffer(json.dumps(state).encode(), np.uint8)

    return change


def with_part(name, array):
    return lambda parts: parts.update({"w" + name: array})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_state(quant_type="fp4"), "expected the state .*'nf4'.* got .*'fp4'"),
        (with_state(shape=[4, 6]), r"expected the state .*'shape': \[6, 4\]"),
        (with_state(blocksize=0), "block size that is a whole number from 1, got 0"),
        (with_state(blocksize="64"), "block size that is a whole number from 1, got '64'"),
        (with_state(blocksize=8), r"expected float32 scales of shape \(3,\)"),
        (with_state(nested_blocksize=128), "expected the state .*'nested_blocksize': 256"),
        (with_state(nested_offset=None), "expected a finite nested_offset, got None"),
        (with_state(nested_offset=float("nan")), "expected the state|finite nested_offset"),
        (with_state(extra=1), "expected the state"),
        (
            with_part(QUANT_STATE, np.frombuffer(b"[1]", np.uint8)),
            "expected the state to be a JSON",
        ),
        (with_part(QUANT_STATE, np.frombuffer(b"{", np.uint8)), "the state is not JSON"),
        (with_part(QUANT_STATE, np.zeros(5000, np.uint8)), "expected a state in bytes"),
        (with_part(QUANT_STATE, np.zeros(3, np.float32)), "expected a state in bytes, got float32"),
        (with_part(".quant_map", np.zeros(16, np.float32)), "NF4's sixteen numbers as its code"),
        (with_part(".nested_quant_map", np.zeros(256, np.float32)), "the 8-bit dynamic map"),
        (with_part(".nested_absmax", np.full(1, np.inf, np.float32)), "scales that are finite"),
        (with_part(".nested_absmax", np.zeros(2, np.float32)), "expected float32 nested_absmax"),
        (with_part(".absmax", np.zeros(1, np.float32)), "expected uint8 codes"),
        (with_part("", np.zeros((11, 1), np.uint8)), r"uint8 codes of shape \(12,\)"),
        (with_part(".more", np.zeros(1, np.uint8)), "expected .* got .*w.more"),
        (lambda parts: parts.pop("w.quant_map"), "expected .*w.quant_map"),
        (lambda parts: parts.pop(STATE), f"expected {STATE}, got"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    """blocksize 8 cuts 24 numbers into three blocks; all else is about one block, in 8 bits."""
    double = "shape" not in message or "float32" not in message
    parts = to_bnb("w", quantize_nf4(weight(6, 4), double_quant=double))
    change(parts)
    with pytest.raises(ValueError, match="w in bitsandbytes' form: .*" + f"({message})"):
        from_bnb("w", parts, (6, 4))


def test_one_setting_for_all():
    tensors = [quantize_nf4(weight(6, 4), double_quant=double) for double in (True, False)]
    assert quantization_config(tensors[:1])["bnb_4bit_use_double_quant"] is True
    with pytest.raises(ValueError, match="expected one code; all scales in 8 bits, or none"):
        quantization_config(tensors)
