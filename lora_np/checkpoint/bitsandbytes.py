"""4 bits in bitsandbytes' own files: such a weight is a handful of tensors with related names.

    weight                                 (⌈n/2⌉, 1) uint8, two codes a byte, or those bytes by
                                           twos or fours, called floats (bnb_4bit_quant_storage)
    weight.absmax                          one scale a block: float32, or uint8 codes
    weight.quant_map                       the codebook, (16,) float32
    weight.nested_absmax, .nested_quant_map   if the scales are in 8 bits: theirs
    weight.quant_state.bitsandbytes__nf4   JSON, as bytes; or __fp4

All are stored (out, in), a GPT-2 Conv1D transposed, which is how an NF4Linear holds them too.
"""

import json
import math

import numpy as np

from ..quant.double_quant import BLOCK, DYNAMIC_MAP, DoubleQuantized
from ..quant.nf4 import CODES, NF4Tensor
from ..system.checks import said_of
from ..system.json_text import parse_json

ABSMAX, QUANT_MAP = ".absmax", ".quant_map"
NESTED_ABSMAX, NESTED_MAP = ".nested_absmax", ".nested_quant_map"
STATE_MARK = ".quant_state.bitsandbytes__"  # and the kind of code
STATES = {kind: STATE_MARK + kind for kind in CODES}
QUANT_STATE = STATES["nf4"]
PARTS = ("", ABSMAX, QUANT_MAP, NESTED_ABSMAX, NESTED_MAP)
STORAGE = ("U8", "BF16", "F16", "F32")  # what the codes' bytes may be called
MUST_BE = {  # what a quantization_config may say; () where it does not matter, or the tensors tell
    "quant_method": ("bitsandbytes",),
    "load_in_4bit": (True,),
    "load_in_8bit": (False,),
    "bnb_4bit_quant_type": ("nf4", "fp4"),
    "bnb_4bit_quant_storage": ("uint8", "bfloat16", "float16", "float32"),
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
    scales, parts = tensor.scales, {"": tensor.codes[:, None], QUANT_MAP: CODES[tensor.kind]}
    state = state_of(tensor.kind, tensor.block_size, tensor.shape)
    if tensor.double_quant:
        parts |= {ABSMAX: scales.codes, NESTED_ABSMAX: scales.nested_absmax}
        parts[NESTED_MAP] = DYNAMIC_MAP
        state |= NESTED | {"nested_offset": float(scales.offset)}
    else:
        parts[ABSMAX] = scales
    parts[STATES[tensor.kind]] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    return {name + part: array for part, array in parts.items()}


def state_of(kind, block_size, shape, dtype="float32"):
    """bitsandbytes' state of a weight whose scales are not quantized themselves."""
    return {"quant_type": kind, "blocksize": block_size, "dtype": dtype, "shape": list(shape)}


def from_bnb(name, arrays, shape):
    """The NF4Tensor (out, in) whose parts are in `arrays`; undoes `to_bnb`, bit for bit.

    bitsandbytes also notes a dtype to dequantize to; here that is always float32.
    """
    with said_of(f"{name} in bitsandbytes' form"):
        kinds = [kind for kind, state in STATES.items() if name + state in arrays]
        if len(kinds) != 1:
            raise ValueError(f"expected {name + STATES['nf4']}, got {sorted(arrays)}")
        [kind] = kinds
        state = read_state(arrays[name + STATES[kind]])
        nested = "nested_offset" in state
        expected = state_of(kind, state.get("blocksize"), shape, state.get("dtype"))
        if nested:
            expected |= NESTED | {"nested_offset": state["nested_offset"]}
        if state != expected:
            raise ValueError(f"expected the state {expected}, got {state}")
        names = {name + p for p in PARTS if nested or p not in (NESTED_ABSMAX, NESTED_MAP)}
        names.add(name + STATES[kind])
        if set(arrays) != names:
            raise ValueError(f"expected {sorted(names)}, got {sorted(arrays)}")
        check_map(arrays[name + QUANT_MAP], CODES[kind], f"{kind.upper()}'s sixteen numbers")
        scales = arrays[name + ABSMAX]
        if nested:
            check_map(arrays[name + NESTED_MAP], DYNAMIC_MAP, "the 8-bit dynamic map")
            offset = state["nested_offset"]
            if not isinstance(offset, float) or not math.isfinite(offset):
                raise ValueError(f"expected a finite nested_offset, got {offset!r}")
            scales = DoubleQuantized(scales, arrays[name + NESTED_ABSMAX], np.float32(offset))
        codes = np.ascontiguousarray(arrays[name]).view(np.uint8).ravel()
        tensor = NF4Tensor(codes, scales, tuple(shape), state["blocksize"], kind)
        if not np.isfinite(tensor.absmax).all():
            raise ValueError("expected scales that are finite")
        return tensor


def take_four_bit(stored, shapes):
    """{name: NF4Tensor} of the weights in `shapes`, {name: (out, in)}, that are in 4 bits.

    Their parts are read and taken out of `stored`, {name: tensor to read}.
    """
    found = {}
    for name, shape in shapes.items():
        if any(name + state in stored for state in STATES.values()):
            parts = [name + part for part in (*PARTS, *STATES.values()) if name + part in stored]
            kinds = {name: STORAGE}
            arrays = {p: stored.pop(p).read_raw(kinds.get(p, ("U8", "F32"))) for p in parts}
            found[name] = from_bnb(name, arrays, shape)
    return found


def read_state(array):
    if array.dtype != np.uint8 or array.ndim != 1 or array.size > STATE_LIMIT:
        raise ValueError(f"expected a state in bytes, got {array.dtype} {array.shape}")
    with said_of("the state is not JSON"):
        state = parse_json(array.tobytes())
    if not isinstance(state, dict):
        raise ValueError(f"expected the state to be a JSON object, got {state!r}")
    return state


def check_map(array, expected, what):
    if array.dtype != np.float32 or not np.array_equal(array, expected):
        raise ValueError(f"expected {what} as its code, got {array.dtype} {array.shape}, others")


def quantization_config(tensors):
    """What transformers wants in config.json, for these NF4Tensors: one setting for all."""
    kinds = {(tensor.kind, tensor.double_quant) for tensor in tensors}
    if len(kinds) != 1:
        raise ValueError("bitsandbytes' form: expected one code; all scales in 8 bits, or none")
    [(kind, double_quant)] = kinds
    return {
        "quant_method": "bitsandbytes",
        "load_in_4bit": True,
        "bnb_4bit_quant_type": kind,
        "bnb_4bit_use_double_quant": double_quant,
        "bnb_4bit_quant_storage": "uint8",
        "bnb_4bit_compute_dtype": "float32",
    }
