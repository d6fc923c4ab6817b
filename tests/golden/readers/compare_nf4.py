"""How many bits of ours differ from bitsandbytes' in the golden file; no torch needed.

PYTHONPATH=tests python tests/golden/readers/compare_nf4.py
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from golden.readers.nf4_cases import cases, double_quantizes, load, sweep
from lora_np.quant.double_quant import DYNAMIC_MAP, double_quantize, make_dynamic_map
from lora_np.quant.nf4 import CODEBOOK, NF4Tensor, make_codebook, quantize_nf4


def differing_bits(got, expected):
    got, expected = np.ascontiguousarray(got), np.ascontiguousarray(expected)
    assert got.dtype == expected.dtype and got.size == expected.size, (got, expected)
    return int(np.unpackbits(got.view(np.uint8).ravel() ^ expected.view(np.uint8).ravel()).sum())


def compare():
    """Yield (field, case, numbers compared, bits that differ).

    Scales go into 8 bits around the golden offset: torch's own mean differs between one thread
    and two. `offset` compares it with ours, the exact mean.
    """
    golden = load()
    for name, codebook in (("held", CODEBOOK), ("made anew", make_codebook())):
        yield "codebook", name, 16, differing_bits(codebook, golden["codebook"])
    for name, dynamic_map in (("held", DYNAMIC_MAP), ("made anew", make_dynamic_map())):
        yield "dynamic map", name, 256, differing_bits(dynamic_map, golden["dynamic_map"])
    codes = double_quantize(sweep(), 0.0).codes
    yield "8-bit sweep", "all", codes.size, differing_bits(codes, golden["sweep"])
    doubled = 0
    for i, (name, array, block) in enumerate(cases(golden["bank"], golden["codebook"])):
        ours = quantize_nf4(array, block)
        pairs = [
            ("codes", ours.codes, golden["codes"][i]),
            ("absmax", ours.absmax, golden["absmax"][i]),
            ("values", ours.dequantize(), golden["values"][i]),
        ]
        if double_quantizes(name):
            offset = golden["offset"][doubled]
            scales = double_quantize(ours.absmax, offset[0])
            values = NF4Tensor(ours.codes, scales, array.shape, block).dequantize()
            pairs += [
                ("dq_codes", scales.codes, golden["dq_codes"][doubled]),
                ("nested_absmax", scales.nested_absmax, golden["nested_absmax"][doubled]),
                ("dq_values", values, golden["dq_values"][doubled]),
                ("offset", double_quantize(ours.absmax).offset, offset),
            ]
            doubled += 1
        for field, got, expected in pairs:
            yield field, name, expected.size, differing_bits(got, expected)


def main():
    totals = defaultdict(lambda: np.zeros(4, np.int64))
    for field, _, numbers, bits in compare():
        totals[field] += (1, numbers, bits > 0, bits)
    print(f"{'field':14}{'cases':>6}{'numbers':>9}{'cases that differ':>19}{'bits':>6}")
    for field, (count, numbers, differ, bits) in totals.items():
        print(f"{field:14}{count:6}{numbers:9}{differ:19}{bits:6}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
