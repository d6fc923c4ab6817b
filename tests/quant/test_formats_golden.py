"""Bit for bit what each format's own library makes of the same blocks."""

import zlib

import numpy as np
import pytest

from golden.readers.format_cases import PEERS, TARGET, blocks_of, differing_bits, parts_of
from lora_np.quant.e2m1 import E2M1, nearest_e2m1
from lora_np.quant.nvfp4 import from_e4m3, to_e4m3


@pytest.fixture(scope="module")
def golden():
    with np.load(TARGET, allow_pickle=False) as file:
        return dict(file)


@pytest.mark.parametrize("name", PEERS)
def test_every_bit_agrees(name, golden):
    form = PEERS[name]
    ours = parts_of(form.quantize(blocks_of(golden["bank"], form)))
    assert zlib.crc32(ours.pop("values").tobytes()) == golden[f"{name}/values"]
    theirs = {part: golden[f"{name}/{part}"] for part in ours}
    assert set(differing_bits(ours, theirs).values()) == {0}


def test_e2m1_and_e4m3_round_to_the_nearest_and_to_the_even_code():
    """Of all codes, the nearest; between two, the even one: for midpoints and their neighbours."""
    scales = from_e4m3(np.arange(127, dtype=np.uint8))
    for table, codes_of in ((E2M1[:8], nearest_e2m1), (scales, to_e4m3)):
        assert (np.diff(table) > 0).all()
        middles = (table[:-1] + table[1:]) / 2
        below, above = (np.nextafter(middles, np.float32(end)) for end in (0, np.inf))
        at = np.arange(len(middles))
        assert (codes_of(below) == at).all() and (codes_of(above) == at + 1).all()
        assert (codes_of(middles) == at + at % 2).all()
        assert (codes_of(table) == np.arange(len(table))).all()
    assert scales[-1] == 448 and to_e4m3(np.float32([500, np.inf])).tolist() == [126, 126]
