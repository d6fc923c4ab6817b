"""Write formats.npz: the bits of every format of few bits, from the library that defines it.

PYTHONPATH=tests python tests/golden/make/make_formats.py [--check BLOCKS]

It needs torch, torchao, bitsandbytes, ml_dtypes, and the ggml library that pywhispercpp brings.
With --check nothing is written: so many random blocks a format are compared, in both directions.
"""

import argparse
import ctypes
import importlib.metadata
import sys
import zlib
from pathlib import Path

import bitsandbytes.functional as bnb
import ml_dtypes
import numpy as np
import torch
from torchao.prototype.mx_formats import mx_tensor, nvfp4_tensor
from torchao.quantization import quant_primitives as affine

from golden.readers.format_cases import BANK, PEERS, TARGET, blocks_of, differing_bits, parts_of

TINY = 2.0**-126


def library():
    """ggml's base library, found beside the package that brings it."""
    for file in importlib.metadata.files("pywhispercpp"):
        if Path(file).name == "libggml-base.so":
            return ctypes.CDLL(str(file.locate()))
    raise FileNotFoundError("libggml-base.so")


def ggml(kind, widths, x):
    """A row in ggml's `kind`: its bytes are cut into `widths`, {part: bytes a block}."""
    lib, block = library(), sum(widths.values())
    packed = np.zeros((x.size // (256 if kind == "q4_K" else 32), block), np.uint8)
    back, x = np.zeros(x.size, np.float32), np.ascontiguousarray(x)
    where = [ctypes.c_void_p(a.ctypes.data) for a in (x, packed, back)]
    size = ctypes.c_int64(x.size)
    getattr(lib, f"quantize_row_{kind}_ref")(where[0], where[1], size)
    getattr(lib, f"dequantize_row_{kind}")(where[1], where[2], size)
    ends = np.cumsum(list(widths.values()))[:-1]
    return dict(zip(widths, np.split(packed, ends, axis=1))) | {"values": back}


def int4(zero, x):
    """torchao's affine quantization; two codes a byte is our own order, the even one low."""
    kind = affine.MappingType.ASYMMETRIC if zero else affine.MappingType.SYMMETRIC
    how = torch.uint8 if zero else torch.int8, *((0, 15) if zero else (-7, 7))
    X, block = torch.from_numpy(x), (1, x.shape[1])
    scale, points = affine.choose_qparams_affine(
        X, kind, block, *how, eps=TINY, scale_dtype=torch.float32, zero_point_dtype=torch.int32
    )
    codes = affine.quantize_affine(X, block, scale, points, *how)
    values = affine.dequantize_affine(codes, block, scale, points, *how).numpy()
    found = {"codes": pairs(codes.numpy().view(np.uint8) & 15), "scale": scale.numpy()}
    if zero:
        found["zero"] = pairs(points.numpy().astype(np.uint8))
    return found | {"values": values}


def pairs(codes):
    codes = codes.ravel()
    codes = np.append(codes, np.zeros(codes.size % 2, np.uint8))
    return codes[::2] | codes[1::2] << 4


def e2m1(x):
    """ml_dtypes' float4 of x / scale; it knows the elements, and the scales are ours."""
    scale = np.maximum(np.abs(x).max(axis=1, keepdims=True) / np.float32(6), np.float32(TINY))
    codes = (x / scale).astype(ml_dtypes.float4_e2m1fn)
    values = codes.astype(np.float32) * scale
    return {"codes": pairs(codes.view(np.uint8)), "scale": scale, "values": values}


def mxfp4(x):
    kind = torch.float4_e2m1fn_x2
    scale, codes = mx_tensor.to_mx(torch.from_numpy(x), kind, 32)
    codes = codes.view(torch.uint8)
    values = mx_tensor.to_dtype(codes, scale, kind, 32, torch.float32)
    return {"codes": codes.numpy(), "scale": scale.view(torch.uint8).numpy(), "values": values}


def nvfp4(x):
    X = torch.from_numpy(x)
    top = nvfp4_tensor.per_tensor_amax_to_scale(X.abs().max())
    scale, codes = nvfp4_tensor.nvfp4_quantize(X, per_tensor_scale=top)
    tensor = nvfp4_tensor.NVFP4Tensor(codes, scale, 16, torch.float32, per_tensor_scale=top)
    parts = {"codes": codes.numpy(), "scale": scale.view(torch.uint8).numpy(), "top": top.numpy()}
    return parts | {"values": tensor.dequantize(torch.float32)}


def bitsandbytes(kind, x):
    X = torch.from_numpy(x.ravel().copy())
    codes, state = bnb.quantize_4bit(X, blocksize=64, quant_type=kind)
    values = bnb.dequantize_4bit(codes, state)
    return {"codes": codes.numpy(), "scales": state.absmax.numpy(), "values": values}


MAKERS = {
    "NF4": lambda x: bitsandbytes("nf4", x),
    "FP4 (bitsandbytes)": lambda x: bitsandbytes("fp4", x),
    "FP4 E2M1": e2m1,
    "INT4": lambda x: int4(False, x),
    "INT4, zero point": lambda x: int4(True, x),
    "MXFP4": mxfp4,
    "NVFP4": nvfp4,
    "Q4_0": lambda x: ggml("q4_0", {"scale": 2, "codes": 16}, x),
    "Q4_1": lambda x: ggml("q4_1", {"scale": 2, "offset": 2, "codes": 16}, x),
    "Q4_K": lambda x: ggml("q4_K", {"d": 2, "e": 2, "six": 12, "codes": 128}, x),
    "Q8_0": lambda x: ggml("q8_0", {"scale": 2, "codes": 32}, x),
}


def theirs(name, x):
    parts = {
        part: np.ascontiguousarray(a).ravel().view(np.uint8) for part, a in MAKERS[name](x).items()
    }
    return parts


def check(blocks):
    """Print the bits that differ over so many random blocks a format."""
    print(f"{'':20}{'blocks':>9}  bits that differ")
    for name, form in PEERS.items():
        rng, counts, done = np.random.default_rng(1), {}, 0
        while done < blocks:
            n = min(20000, blocks - done)
            size = np.exp(np.clip(rng.normal(0, 3, (n, 1)), -8, 8))
            x = (rng.standard_normal((n, form.block_size)) * size).astype(np.float32)
            for part, bits in differing_bits(parts_of(form.quantize(x)), theirs(name, x)).items():
                counts[part] = counts.get(part, 0) + bits
            done += n
        print(f"{name:20}{done:9,}  {counts}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=int, metavar="BLOCKS")
    options = parser.parse_args()
    if options.check:
        return check(options.check)
    bank = np.random.default_rng(0).standard_normal(BANK).astype(np.float32)
    golden = {"bank": bank}
    for name, form in PEERS.items():
        for part, array in theirs(name, blocks_of(bank, form)).items():
            if part == "values":  # their bytes would be most of the file, and are random
                array = np.uint32([zlib.crc32(array.tobytes())])
            golden[f"{name}/{part}"] = array
    np.savez_compressed(TARGET, **golden)
    print(f"{TARGET.name}: {len(PEERS)} formats, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.compiler.set_stance("force_eager")  # the reference as written, not a compiled form
    sys.exit(main())
