"""Bit for bit what bitsandbytes makes of the same arrays on a CPU."""

import numpy as np

from golden.readers.compare_nf4 import compare
from golden.readers.nf4_cases import load
from lora_np.quant.double_quant import double_quantize

FIELDS = [
    "codebook",
    "dynamic map",
    "8-bit sweep",
    "codes",
    "absmax",
    "values",
    "dq_codes",
    "nested_absmax",
    "dq_values",
]


def test_every_bit_agrees():
    """In one test, so that whoever breaks a step of it on purpose runs all of it."""
    results = list(compare())
    assert set(FIELDS) <= {field for field, *_ in results}
    assert [r for r in results if r[0] in FIELDS and r[3]] == []


def test_the_offset_is_the_exact_mean():
    """torch adds up in float32, so its mean may be some units in the last place away."""
    golden = load()
    scales = [absmax for absmax in golden["absmax"] if absmax.size and absmax.max() < 1e30]
    for absmax, theirs in zip(scales, golden["offset"], strict=True):
        exact = np.float32(sum(map(float, absmax)) / absmax.size)
        ours = double_quantize(absmax).offset
        assert ours == exact
        assert abs(float(ours) - float(theirs[0])) <= 1e-6 * float(exact)
