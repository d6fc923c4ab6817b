"""The arrays that the NF4 golden file is about, made from its one bank of normal numbers.

Every step is exact or rounds in one defined way, so generator and tests see the same bits.
"""

from pathlib import Path

import numpy as np

TARGET = Path(__file__).parents[1] / "data" / "nf4.npz"
FIELDS = ("codes", "absmax", "values", "dq_codes", "nested_absmax", "offset", "dq_values")
BLOCK_SIZES = (32, 64, 128, 256, 512, 1024, 2048, 4096)
BANK = 9605  # normal numbers: just over 300 blocks of 32


def cases(bank, codebook):
    """Yield (name, array, block size). All 1-D: some widths meet a bug in bitsandbytes."""
    for block in BLOCK_SIZES:
        ragged = bank[: block + block // 2 + 1]  # odd, and its last block is not whole
        yield f"normal/{block}", ragged, block
        yield f"short/{block}", bank[: block // 2 - 2], block
        yield f"constant/{block}", np.full(2 * block, 0.3, np.float32), block
        yield f"zero/{block}", np.zeros(2 * block + 3, np.float32), block
        yield f"zero block/{block}", np.concatenate([np.zeros(block, np.float32), ragged]), block
    for block in BLOCK_SIZES[:4]:
        ragged = bank[: 3 * block + block // 2 + 1]
        yield f"tiny/{block}", ragged * np.float32(2.0**-100), block
        yield f"huge/{block}", ragged * np.float32(2.0**124), block
        yield f"denormal/{block}", ragged * np.float32(2.0**-140), block
        yield f"heavy tails/{block}", ragged * ragged * ragged, block
        yield f"one outlier/{block}", np.append(bank[: block - 1], np.float32(20)), block
        yield f"even/{block}", np.linspace(-1, 1, 2 * block, dtype=np.float32), block
        yield f"negative/{block}", -np.abs(ragged), block
    middles = (codebook[:-1] + codebook[1:]) / 2  # as far from one code as from the next
    ties = np.tile(np.append(middles, np.float32(1)), 16)
    yield "ties/64", ties, 64
    yield "ties, scaled/64", ties[:-1] * np.float32(2.0**-9), 64
    yield "many blocks/32", bank, 32
    yield "many blocks/64", bank, 64


def sweep():
    """Numbers from −1 to 1 in small steps, in blocks of 256 whose largest is 1: all 8-bit codes."""
    values = np.linspace(-1, 1, 400 * 255).astype(np.float32).reshape(400, 255)
    return np.insert(values, 0, np.float32(1), axis=1).ravel()


def double_quantizes(name):
    """Whether the scales also go into 8 bits: not where torch's sum of them overflows."""
    return not name.startswith("huge")


def load():
    """The golden arrays: each field of FIELDS as a list, one array a case."""
    with np.load(TARGET, allow_pickle=False) as file:
        golden = dict(file)
    for field in FIELDS:
        ends = np.cumsum(golden.pop(field + "_sizes"))
        golden[field] = np.split(golden[field], ends[:-1])
    return golden
