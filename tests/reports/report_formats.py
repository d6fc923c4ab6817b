"""Every format of few bits: its error, its bits, its bytes and its time, beside NF4's.

    PYTHONPATH=. python tests/reports/report_formats.py

The error is mean squared, over the variance of the numbers: of N(0, 1), and of the shipped base's
linear layers, each divided by its own; and of three layers of SmolLM2, if it is installed, whose
file holds them in Q4_1 already, so that Q4_1 and its kin Q4_K err less there than they would. Two
floors are beside it: what sixteen numbers can reach on N(0, 1) without any scale (Lloyd 1957, Max
1960), and what no code whatsoever can go below at so many bits, 4^−bits (Shannon 1959). Times are
the least of five for a million numbers, each taken in turn with NF4's, over which they stand.
"""

import argparse
import time

import numpy as np

from lora_np.checkpoint import load_base, load_model
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
    return float(np.mean(parts)) if parts else np.nan


def smollm2():
    """Every seventieth of its layers; none where it is not installed."""
    try:
        model, _ = load_model("smollm2")
    except ImportError:
        return []
    return [layer.weight.data.T for _, layer in model.linears()][::70]


def in_turn(*calls):
    """The least seconds of each call, taken in turn, so that what slows one slows all."""
    found = []
    for _ in range(TIMES):
        found.append([])
        for call in calls:
            start = time.process_time()
            call()
            found[-1].append(time.process_time() - start)
    return np.min(found, axis=0)


def main():
    normal = np.random.default_rng(0).standard_normal(COUNT, np.float32)
    layers = [layer.weight.data.T for _, layer in load_base().linears()]
    others = smollm2()
    print(f"{COUNT:,} numbers from N(0, 1); {len(layers)} layers of the base, {len(others)} others")
    titles = "format|bits|N(0, 1)|layers|SmolLM2|4^-bits|bytes|formula|quantize|dequantize".split(
        "|"
    )
    print("{:22}{:>8}{:>10}{:>10}{:>10}{:>10}{:>11}{:>11}{:>10}{:>12}".format(*titles))
    nf4 = FORMATS["NF4"]
    other = nf4.quantize(normal)
    for name, form in FORMATS.items():
        tensor = form.quantize(normal)
        once, its = in_turn(lambda: nf4.quantize(normal), lambda: form.quantize(normal))  # noqa: B023
        back, theirs = in_turn(other.dequantize, tensor.dequantize)
        errors = "".join(f"{error(form, each):10.5f}" for each in ([normal], layers, others))
        print(
            f"{name:22}{form.bits:8.3f}{errors}{4**-form.bits:10.5f}{tensor.nbytes:11,}"
            f"{form.nbytes(COUNT):11,}{its / once:10.2f}{theirs / back:12.2f}",
            flush=True,
        )
    print(f"sixteen numbers at their best (Lloyd-Max), no scale: {lloyd_max():.5f}")
    print(f"NF4 beside the last: quantize {once * 1e3:.0f} ms, dequantize {back * 1e3:.1f} ms")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
