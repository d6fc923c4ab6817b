"""Every format of few bits: its error, its bits, its bytes and its time, beside NF4's.

    PYTHONPATH=. python tests/reports/report_formats.py

The error is mean squared, over the variance of the numbers: of N(0, 1), and of the shipped base's
linear layers, each divided by its own. Two floors are beside it: what sixteen numbers can reach on
N(0, 1) without any scale (Lloyd 1957, Max 1960), and what no code whatsoever can go below at so
many bits, 4^−bits (Shannon 1959). Times are the least of five for a million numbers, over NF4's.
"""

import time

import numpy as np

from lora_np.checkpoint import load_base
from lora_np.quant import FORMATS

COUNT, TIMES = 1 << 20, 5


def lloyd_max(count=16, rounds=400):
    """The least mean squared error of `count` numbers for N(0, 1), by Lloyd's two steps on a grid.

    Each number is the mean of what is nearest to it; what is nearest changes with the numbers.
    """
    x = np.linspace(-8, 8, 200_001)
    weight = np.exp(-(x**2) / 2)
    weight /= weight.sum()
    levels = np.linspace(-2.5, 2.5, count)
    for _ in range(rounds):
        nearest = np.searchsorted((levels[:-1] + levels[1:]) / 2, x)
        mass = np.bincount(nearest, weight, count)
        levels = np.bincount(nearest, weight * x, count) / mass
    return float((weight * (x - levels[nearest]) ** 2).sum())


def error(form, arrays):
    """Mean over arrays of the mean squared error over the variance."""
    parts = [np.square(form.quantize(x).dequantize() - x).mean() / np.var(x) for x in arrays]
    return float(np.mean(parts))


def seconds(call):
    found = []
    for _ in range(TIMES):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def main():
    normal = np.random.default_rng(0).standard_normal(COUNT, np.float32)
    layers = [layer.weight.data.T for _, layer in load_base().linears()]
    print(f"{COUNT:,} numbers from N(0, 1); {len(layers)} layers of the base")
    titles = "format|bits|N(0, 1)|layers|4^-bits|bytes|formula|quantize|dequantize".split("|")
    print("{:22}{:>8}{:>10}{:>10}{:>10}{:>11}{:>11}{:>10}{:>12}".format(*titles))
    first = None
    for name, form in FORMATS.items():
        tensor = form.quantize(normal)
        times = seconds(lambda: form.quantize(normal)), seconds(tensor.dequantize)  # noqa: B023
        first = first or times
        ratios = [one / other for one, other in zip(times, first)]
        print(
            f"{name:22}{form.bits:8.3f}{error(form, [normal]):10.5f}{error(form, layers):10.5f}"
            f"{4**-form.bits:10.5f}{tensor.nbytes:11,}{form.nbytes(COUNT):11,}"
            f"{ratios[0]:10.2f}{ratios[1]:12.2f}"
        )
    print(f"sixteen numbers at their best (Lloyd-Max), no scale: {lloyd_max():.5f}")
    print(f"NF4: quantize {first[0] * 1e3:.0f} ms, dequantize {first[1] * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
