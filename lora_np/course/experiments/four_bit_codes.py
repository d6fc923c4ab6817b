"""Other ways to spend four bits, beside NF4: which rounds a normal weight best?

    python -m lora_np.course.experiments.four_bit_codes

Each takes an array and gives back what is left of it after 4 bits, in float32.
"""

import argparse

import numpy as np

from ...quant.nf4 import block_absmax, quantize_nf4

# A sign, two bits of exponent, one of fraction (OCP MX 1.0, §5.3.3): ±0, ½, 1, 1½, 2, 3, 4, 6.
E2M1 = np.float32([0, 0.5, 1, 1.5, 2, 3, 4, 6]) / 6
# bitsandbytes' FP4 leaves the even spacing out below: ±0, 1/16, 2, 3, 4, 6, 8, 12.
FP4 = np.float32([0, 0.0625, 2, 3, 4, 6, 8, 12]) / 12
# NF4's sixteen numbers as bitsandbytes publishes them, bit by bit
PUBLISHED = np.array([
    0xBF800000, 0xBF3239B1, 0xBF066B30, 0xBECA32A0, 0xBE91A24D, 0xBE3D353F, 0xBDBA7871, 0x00000000,
    0x3DA2FAFF, 0x3E24CAE3, 0x3E7C04DD, 0x3EAD033A, 0x3EE1A4B8, 0x3F1007AB, 0x3F3913B3, 0x3F800000,
], np.uint32)  # fmt: skip
INT4 = np.arange(8, dtype=np.float32) / 7  # ±0 … 7: symmetric, so one of the sixteen is unused


def signed(values):
    """A codebook of both signs of `values`, ascending."""
    return np.unique(np.concatenate([-values, values]))


def by_codebook(array, codebook, block_size=64):
    """x̂ = absmax · the codebook's nearest number to x / absmax, per block."""
    flat = np.asarray(array, np.float32).ravel()
    scale = np.repeat(block_absmax(flat, block_size), block_size)[: flat.size]
    ratio = flat / np.where(scale == 0, 1, scale)
    midpoints = (codebook[:-1] + codebook[1:]) / 2
    return (codebook[np.searchsorted(midpoints, ratio)] * scale).reshape(np.shape(array))


def min_max_int4(array, block_size=64):
    """x̂ = step · (level − zero), level = round(x / step) + zero in 0 … 15, per block.

    step = (highest − lowest) / 15, and zero = round(−lowest / step) is the level that stands for
    0 (Jacob et al. 2018, arXiv 1712.05877, §2.1). All sixteen levels are used; each block stores
    its four-bit zero point beside its step.
    """
    flat = np.asarray(array, np.float32).ravel()
    starts = np.arange(0, flat.size, block_size)
    lengths = np.diff(np.append(starts, flat.size))
    lowest = np.minimum(np.minimum.reduceat(flat, starts), 0)  # so that 0 itself is a level
    highest = np.maximum(np.maximum.reduceat(flat, starts), 0)
    step = (highest - lowest) / 15
    step[step == 0] = 1
    zero = np.rint(-lowest / step)
    step, zero = np.repeat(step, lengths), np.repeat(zero, lengths)
    levels = np.clip(np.rint(flat / step) + zero, 0, 15)
    return (step * (levels - zero)).reshape(np.shape(array))


CODES = {  # name: (round trip, bits a weight at blocks of 64)
    "NF4": (lambda x: quantize_nf4(x).dequantize(), 4 + 32 / 64),
    "NF4, double-quantized": (
        lambda x: quantize_nf4(x, double_quant=True).dequantize(),
        4 + 8 / 64 + 32 / (64 * 256),
    ),
    "FP4 (bitsandbytes)": (lambda x: by_codebook(x, signed(FP4)), 4 + 32 / 64),
    "FP4 E2M1": (lambda x: by_codebook(x, signed(E2M1)), 4 + 32 / 64),
    "INT4, symmetric": (lambda x: by_codebook(x, signed(INT4)), 4 + 32 / 64),
    "INT4, min-max": (min_max_int4, 4 + (32 + 4) / 64),
}


def main(count=1 << 20, seeds=range(5)):
    print(f"{count:,} numbers from N(0, 1) for each of {len(seeds)} seeds, blocks of 64")
    print(f"{'code':24}{'mean squared error':>22}{'mean |error|':>14}{'bits a weight':>15}")
    arrays = [np.random.default_rng(seed).standard_normal(count, np.float32) for seed in seeds]
    for name, (round_trip, bits) in CODES.items():
        errors = [(round_trip(x) - x).astype(np.float64) for x in arrays]
        squared = [(error * error).mean() for error in errors]
        absolute = np.mean([np.abs(error).mean() for error in errors])
        mse = f"{np.mean(squared):.5f} ± {np.std(squared):.5f}"
        print(f"{name:24}{mse:>22}{absolute:14.4f}{bits:15.3f}")
    codes = np.concatenate([quantize_nf4(x).unpack() for x in arrays])
    share = np.bincount(codes, minlength=16) / codes.size
    print(f"\nNF4 uses its codes from {share.min():.1%} to {share.max():.1%} of the time;", end=" ")
    print(f"their entropy is {-(share * np.log2(share)).sum():.3f} bits of 4.")
    print_bytes(512, 1536)


def print_bytes(n_in, n_out, block_size=64):
    """The bytes of a weight (in, out): by the formula, and as counted in the arrays held."""
    weight = np.random.default_rng(0).standard_normal((n_in, n_out), np.float32)
    n, blocks = weight.size, -(-weight.size // block_size)
    once, twice = (quantize_nf4(weight, block_size, double_quant=d).nbytes for d in (False, True))
    rows = [
        ("float32", 4 * n, weight.nbytes),
        ("NF4", n // 2 + 4 * blocks, once),
        ("NF4, double-quantized", n // 2 + blocks + 4 * -(-blocks // 256) + 4, twice),
    ]
    title = f"{n_in} × {n_out} weights"
    print(f"\n{title:24}{'bytes by formula':>18}{'nbytes':>12}{'of float32':>12}")
    for name, formula, counted in rows:
        print(f"{name:24}{formula:18,}{counted:12,}{counted / weight.nbytes:12.3f}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
