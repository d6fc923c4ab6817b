"""The arrays on which every format of few bits is held to its peer, and how bits are compared.

Every step is exact or rounds in one defined way, so generator and tests see the same bits.
"""

from pathlib import Path

import numpy as np

from lora_np.quant import FORMATS

TARGET = Path(__file__).parents[1] / "data" / "formats.npz"
BANK = 6 * 256
PEERS = {name: form for name, form in FORMATS.items() if name != "NF4, scales in 8 bits"}
STEPS = np.float32([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 7.5, 7.75])


def blocks_of(bank, form):
    """(n, block) float32: blocks of normal numbers of many sizes, and the awkward ones."""
    block = form.block_size
    normal = bank[: len(bank) // block * block].reshape(-1, block)
    sizes = np.float32(2.0) ** (np.arange(len(normal), dtype=np.int32) * 5 % 17 - 8)[:, None]
    ties = np.resize(np.append(STEPS, -STEPS[1:]), (3, block))
    first = np.zeros(block, np.float32)
    first[0] = 0.3
    awkward = [np.zeros(block), np.full(block, 0.7), np.full(block, -2), first, -first]
    awkward += [np.abs(normal[0]), -np.abs(normal[0]), np.linspace(-1, 1, block)]
    return np.concatenate([normal * sizes, *[row[None] for row in awkward], ties], dtype=np.float32)


def parts_of(tensor):
    """{name: bytes} of all that a tensor holds, in an order that is its own, and of its values."""
    if hasattr(tensor, "stored"):
        stored = tensor.stored
    else:
        stored = {"scales": tensor.scales}
    parts = {"codes": tensor.codes} | stored | {"values": tensor.dequantize()}
    return {name: np.ascontiguousarray(part).ravel().view(np.uint8) for name, part in parts.items()}


def differing_bits(ours, theirs):
    """{part: bits that differ}, of two such dicts; a part of another length differs in all."""
    assert ours.keys() == theirs.keys()
    return {
        name: int(np.unpackbits(part ^ theirs[name]).sum())
        if part.shape == theirs[name].shape
        else 8 * max(part.size, theirs[name].size)
        for name, part in ours.items()
    }
