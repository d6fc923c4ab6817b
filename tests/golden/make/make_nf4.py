"""Write nf4.npz from bitsandbytes on a CPU: run with the `peers` extra, from the project's root.

PYTHONPATH=tests python tests/golden/make/make_nf4.py
"""

import argparse
import os

import bitsandbytes.functional as bnb
import numpy as np
import torch

from golden.readers.nf4_cases import BANK, FIELDS, TARGET, cases, double_quantizes, sweep


def quantize(array, block, double_quant):
    tensor = torch.from_numpy(array.copy())
    packed, state = bnb.quantize_4bit(
        tensor, blocksize=block, quant_type="nf4", compress_statistics=double_quant
    )
    return packed.numpy().ravel(), state, bnb.dequantize_4bit(packed, state).numpy()


def main():
    bank = np.random.default_rng(0).standard_normal(BANK).astype(np.float32)
    codebook = bnb.get_4bit_type("nf4", device="cpu").numpy()
    parts = {field: [] for field in FIELDS}
    for name, array, block in cases(bank, codebook):
        packed, state, values = quantize(array, block, False)
        add(parts, codes=packed, absmax=state.absmax, values=values)
        if double_quantizes(name):
            _, state, values = quantize(array, block, True)
            add(parts, dq_codes=state.absmax, nested_absmax=state.state2.absmax)
            add(parts, offset=state.offset, dq_values=values)
    golden = {"bank": bank, "codebook": codebook}
    golden["dynamic_map"] = bnb.create_dynamic_map().numpy()
    golden["sweep"] = bnb.quantize_blockwise(torch.from_numpy(sweep()), blocksize=256)[0].numpy()
    for field, arrays in parts.items():  # end to end: hundreds of small files in a zip add up
        golden[field] = np.concatenate(arrays)
        golden[field + "_sizes"] = np.array([array.size for array in arrays], np.int32)
    temporary = TARGET.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        np.savez_compressed(file, **golden)
    os.replace(temporary, TARGET)
    print(f"{TARGET.name}: {len(parts['codes'])} cases, {TARGET.stat().st_size} bytes")


def add(parts, **arrays):
    for field, array in arrays.items():
        parts[field].append(np.asarray(array).ravel())


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    torch.set_num_threads(1)
    torch.compiler.set_stance("force_eager")  # the reference as written, not a compiled form
    main()
