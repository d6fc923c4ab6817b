"""NF4 in bitsandbytes' own files: one 4-bit weight is a handful of tensors with related names.

    weight                                 (⌈n/2⌉, 1) uint8, two codes a byte
    weight.absmax                          one scale a block: float32, or uint8 codes
    weight.quant_map                       the codebook, (16,) float32
    weight.nested_absmax, .nested_quant_map   if the scales are in 8 bits: theirs
    weight.quant_state.bitsandbytes__nf4   JSON, as bytes

A GPT-2 Conv1D is stored (out, in), transposed, which is how an NF4Linear holds it too.
"""

import json
import math

import numpy as np

from ..quant.double_quant import BLOCK, DYNAMIC_MAP, DoubleQuantized
from ..quant.nf4 import CODEBOOK, NF4Tensor
from ..system.json_text import parse_json

ABSMAX, QUANT_MAP = ".absmax", ".quant_map"
NESTED_ABSMAX, NESTED_MAP = ".nested_absmax", ".nested_quant_map"
QUANT_STATE = ".quant_state.bitsandbytes__nf4"
PARTS = ("", ABSMAX, QUANT_MAP, NESTED_ABSMAX, NESTED_MAP, QUANT_STATE)
MUST_BE = {  # what a quantization_config may say; () where it does not matter, or the tensors tell
    "quant_method": ("bitsandbytes",),
    "load_in_4bit": (True,),
    "load_in_8bit": (False,),
    "bnb_4bit_quant_type": ("nf4",),
    "bnb_4bit_quant_storage": ("uint8",),
    "bnb_4bit_use_double_quant": (),
    "bnb_4bit_compute_dtype": (),
    "_load_in_4bit": (),
    "_load_in_8bit": (),
    "llm_int8_enable_fp32_cpu_offload": (),
    "llm_int8_has_fp16_weight": (),
    "llm_int8_skip_modules": (),
    "llm_int8_threshold": (),
}
NESTED = {"nested_blocksize": BLOCK, "nested_dtype": "float32"}  # in the state, beside an offset
STATE_LIMIT = 4096  # bytes of JSON; bitsandbytes writes under 200


def to_bnb(name, tensor):
    """{name: array} of the parts in which bitsandbytes stores `tensor`, an NF4Tensor (out, in)."""
    scales, parts = tensor.scales, {"": tensor.codes[:, None], QUANT_MAP: CODEBOOK}
    state = state_of(tensor.block_size, tensor.shape)
    if tensor.double_quant:
        parts |= {ABSMAX: scales.codes, NESTED_ABSMAX: scales.nested_absmax}
        parts[NESTED_MAP] = DYNAMIC_MAP
        state |= NESTED | {"nested_offset": float(scales.offset)}
    else:
        parts[ABSMAX] = scales
    parts[QUANT_STATE] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    return {name + part: array for part, array in parts.items()}


def state_of(block_size, shape, dtype="float32"):
    """bitsandbytes' state of a weight whose scales are not quantized themselves."""
    return {"quant_type": "nf4", "blocksize": block_size, "dtype": dtype, "shape": list(shape)}


def from_bnb(name, arrays, shape):
    """The NF4Tensor (out, in) whose parts are in `arrays`; undoes `to_bnb`, bit for bit.

    bitsandbytes also notes a dtype to dequantize to; here that is always float32.
    """
    try:
        if name + QUANT_STATE not in arrays:
            raise ValueError(f"expected {name + QUANT_STATE}, got {sorted(arrays)}")
        state = read_state(arrays[name + QUANT_STATE])
        nested = "nested_offset" in state
        expected = state_of(state.get("blocksize"), shape, state.get("dtype"))
        if nested:
            expected |= NESTED | {"nested_offset": state["nested_offset"]}
        if state != expected:
            raise ValueError(f"expected the state {expected}, got {state}")
        names = {name + p for p in PARTS if nested or p not in (NESTED_ABSMAX, NESTED_MAP)}
        if set(arrays) != names:
            raise ValueError(f"expected {sorted(names)}, got {sorted(arrays)}")
        check_map(arrays[name + QUANT_MAP], CODEBOOK, "NF4's sixteen numbers")
        scales = arrays[name + ABSMAX]
        if nested:
            check_map(arrays[name + NESTED_MAP], DYNAMIC_MAP, "the 8-bit dynamic map")
            offset = state["nested_offset"]
            if not isinstance(offset, float) or not math.isfinite(offset):
                raise ValueError(f"expected a finite nested_offset, got {offset!r}")
            scales = DoubleQuantized(scales, arrays[name + NESTED_ABSMAX], np.float32(offset))
        tensor = NF4Tensor(arrays[name].ravel(), scales, tuple(shape), state["blocksize"])
        if not np.isfinite(tensor.absmax).all():
            raise ValueError("expected scales that are finite")
        return tensor
    except ValueError as error:
        raise ValueError(f"{name} in bitsandbytes' form: {error}") from error


def read_state(array):
    if array.dtype != np.uint8 or array.ndim != 1 or array.size > STATE_LIMIT:
        raise ValueError(f"expected a state in bytes, got {array.dtype} {array.shape}")
    try:
        state = parse_json(array.tobytes())
    except ValueError as error:
        raise ValueError(f"the state is not JSON: {error}") from error
    if not isinstance(state, dict):
        raise ValueError(f"expected the state to be a JSON object, got {state!r}")
    return state


def check_map(array, expected, what):
    if array.dtype != np.float32 or not np.array_equal(array, expected):
        raise ValueError(f"expected {what} as its code, got {array.dtype} {array.shape}, others")


def quantization_config(tensors):
    """What transformers wants in config.json, for these NF4Tensors: one setting for all."""
    kinds = {tensor.double_quant for tensor in tensors}
    if len(kinds) != 1:
        raise ValueError("bitsandbytes' form: expected all scales in 8 bits, or none")
    return {
        "quant_method": "bitsandbytes",
        "load_in_4bit": True,
        "bnb_4bit_quant_type": "nf4",
        "bnb_4bit_use_double_quant": kinds.pop(),
        "bnb_4bit_quant_storage": "uint8",
        "bnb_4bit_compute_dtype": "float32",
    }
