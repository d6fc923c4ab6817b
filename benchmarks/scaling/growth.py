"""How a training step's time grows with d, layers, T, batch and r, beside the counted operations.

    python benchmarks/scaling/growth.py [--rounds 7] [--plot FILE]      two minutes on one core

One size varies at a time, from the middle (layers 2, d 128, T 64, B 8, r 8). A step is forward,
cross-entropy, backward and AdamW, of LoRA on every linear layer and of full fine-tuning, on one
thread. The sizes of a row take turns. Writes results/growth.json: seconds, operations, the slopes
of both on log-log axes, and one fit of all times, seconds = a · products + b · numbers passed
through + c · layers; and the T at which attention's T² outweighs the rest of a block, counted and
measured. `--plot` alone with what was measured before: `--from-file`.
"""

import argparse
import json
import pathlib
import statistics
import time

import numpy as np

from lora_np import GPT, AdamW, FullFineTuning, GPTConfig, LoRA, cross_entropy, next_token
from lora_np.analysis.plots import COLORS, MARKERS, save, style, subplots
from lora_np.nn.attention import attend_backward, attend_forward
from lora_np.system.files import write_json
from lora_np.system.process import prepare
from lora_np.train.step import forward_backward

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "growth.json"
MIDDLE = {"layers": 2, "d": 128, "T": 64, "B": 8, "r": 8}
VARIES = {
    "d": (32, 64, 128, 256, 512),
    "layers": (1, 2, 4, 8),
    "T": (16, 32, 64, 128, 256, 512),
    "B": (1, 2, 4, 8, 16, 32),
    "r": (1, 2, 4, 8, 16, 32, 64),
}
V, HEAD = 256, 64  # tokens, and a head's width


def operations(kind, layers, d, T, B, r):
    """(multiply-adds of the matrix products, numbers that element-wise passes go through).

    A product of a linear layer is 12d² a token and block, forward, and again for dx; full
    fine-tuning adds as much for dW, LoRA 2·r·(in + out) forward, twice that backward. Attention
    takes 2·T·d a token forward (q·kᵀ and p·v), twice that backward. The head: V·d, and as often.
    """
    linears, attention, head = 12 * d * d, 2 * T * d, V * d
    lora = r * (4 * d + 2 * d + 5 * d + 5 * d)  # r·(in + out) of the four layers
    learns = linears if kind == "full" else 3 * lora
    products = layers * (2 * linears + learns + 3 * attention) + 2 * head
    products += head if kind == "full" else 0
    H = max(1, d // HEAD)
    passes = layers * (4 * d * 16 + 40 * d + 12 * H * T) + 8 * V
    return B * T * products, B * T * passes


def make_step(kind, layers, d, T, B, r):
    rng = np.random.default_rng(0)
    base = GPT(GPTConfig(V, T, d, layers, max(1, d // HEAD)), rng)
    method = LoRA(r, 2.0 * r, "all-linear") if kind == "LoRA" else FullFineTuning()
    model = method.apply(base, rng)
    batch = next_token(rng.integers(0, V, (B, T + 1)))
    optimizer = AdamW(model.trainable_parameters())

    def step():
        forward_backward(model, batch, cross_entropy)
        optimizer.step()

    return step


def seconds(steps, rounds):
    """The median time of each step; they take turns, and the first two rounds do not count."""
    times = [[] for _ in steps]
    for k in range(rounds + 2):
        for step, found in zip(steps, times):
            start = time.perf_counter()
            step()
            if k >= 2:
                found.append(time.perf_counter() - start)
    return [statistics.median(found) for found in times]


def measure(rounds):
    rows = []
    for kind in ("LoRA", "full"):
        for name, values in VARIES.items():
            if kind == "full" and name == "r":
                continue
            sizes = [MIDDLE | {name: value} for value in values]
            found = seconds([make_step(kind, **size) for size in sizes], rounds)
            for size, time_taken in zip(sizes, found):
                products, passes = operations(kind, **size)
                rows.append(
                    {
                        "kind": kind,
                        "varies": name,
                        **size,
                        "seconds": time_taken,
                        "products": products,
                        "passes": passes,
                    }
                )
            print(kind, name, [f"{1e3 * t:.2f} ms" for t in found], flush=True)
    return rows


def slope(x, y):
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def slopes(rows):
    """For each size that varies: the slope over all its values, and over the largest three."""
    found = {}
    for kind in ("LoRA", "full"):
        for name in VARIES:
            some = [r for r in rows if r["kind"] == kind and r["varies"] == name]
            if some:
                x, t, n = ([r[key] for r in some] for key in (name, "seconds", "products"))
                found[f"{kind}, {name}"] = {
                    "seconds": slope(x, t),
                    "operations": slope(x, n),
                    "seconds, last three": slope(x[-3:], t[-3:]),
                    "operations, last three": slope(x[-3:], n[-3:]),
                }
    return found


def fit(rows):
    """seconds = a·products + b·passes + c·layers: each row weighs the same, whatever its size."""
    t = np.array([r["seconds"] for r in rows])
    X = np.array([[r["products"], r["passes"], r["layers"]] for r in rows], float)
    coefficients, *_ = np.linalg.lstsq(X / t[:, None], np.ones(len(t)), rcond=None)
    ratios = t / (X @ coefficients)
    return {
        "billion multiply-adds a second": 1e-9 / coefficients[0],
        "billion numbers passed a second": 1e-9 / coefficients[1],
        "microseconds a layer": 1e6 * coefficients[2],
        "measured / fitted, least median most": np.quantile(ratios, [0, 0.5, 1]).tolist(),
        "coefficients": coefficients.tolist(),
    }


def takes_over(d, rounds, weights):
    """The T at which attention's T² parts are half of a block, forward and backward.

    Counted in multiply-adds: 3·2·T·d = 2·12·d², so T = 4d. Counted with the weights of the fit,
    where softmax's passes weigh more than their few operations. Measured: attention's core alone
    (scores, softmax, p·v) beside a block, which is half of what three layers take over one; the
    crossing is interpolated.
    """
    points, B, H = [], 1, max(1, d // HEAD)
    a, b, _ = weights
    fitted = (a * 24 * d * d + b * 104 * d) / (a * 6 * d + b * 12 * H)
    for T in (64, 128, 256, 512, 1024, 2048):
        rng = np.random.default_rng(0)
        qkv = rng.standard_normal((B, T, 3, H, d // H), dtype=np.float32)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)
        dq, dk, dv = np.empty_like(qkv).transpose(2, 0, 3, 1, 4)

        def core(q=q, k=k, v=v, dq=dq, dk=dk, dv=dv):
            out, cache = attend_forward(q, k, v)
            attend_backward(out, cache, dq, dk, dv)

        one, three = (make_step("LoRA", n, d, T, B, 8) for n in (1, 3))
        t_core, t_one, t_three = seconds([core, one, three], rounds)
        block = (t_three - t_one) / 2
        points.append({"T": T, "core": t_core, "block": block, "share": t_core / block})
        print(f"d {d}, T {T}: attention's core takes {points[-1]['share']:.2f} of a block")
    T, share = (np.array([p[key] for p in points]) for key in ("T", "share"))
    above = np.flatnonzero(share > 0.5)
    measured = None
    if above.size and above[0]:
        i = above[0]
        at = np.interp(0.5, share[i - 1 : i + 1], np.log(T[i - 1 : i + 1]))
        measured = float(np.exp(at))
    return {"d": d, "counted": 4 * d, "fitted": fitted, "measured": measured, "points": points}


@style()
def figure(numbers):
    """Measured time against the fit of the counted operations: on the line where they agree."""
    picture, axes = subplots(size=(5.2, 4.0))
    rows, weights = numbers["rows"], numbers["fit"]["coefficients"]
    for k, name in enumerate(VARIES):
        for kind in ("LoRA", "full"):
            some = [r for r in rows if r["varies"] == name and r["kind"] == kind]
            x = [np.dot(weights, [r["products"], r["passes"], r["layers"]]) for r in some]
            axes.loglog(
                1e3 * np.array(x),
                [1e3 * r["seconds"] for r in some],
                linestyle="",
                marker=MARKERS[k % len(MARKERS)],
                color=COLORS[k % len(COLORS)],
                markerfacecolor=COLORS[k % len(COLORS)] if kind == "LoRA" else "white",
                label=f"{name} varies" if kind == "LoRA" else None,
            )
    times = [1e3 * r["seconds"] for r in rows]
    ends = [min(times) / 1.5, max(times) * 1.5]
    axes.plot(ends, ends, color="black", linewidth=0.8)
    axes.set(xlabel="milliseconds, from counted operations", ylabel="milliseconds a step, measured")
    axes.legend(title="filled: LoRA; open: full", fontsize=8, title_fontsize=8)
    return picture


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--from-file", action="store_true", help="measure nothing anew")
    options = parser.parse_args()
    if options.from_file:
        numbers = json.loads(RESULTS.read_text(encoding="utf-8"))
    else:
        prepare()
        rows = measure(options.rounds)
        fitted = fit(rows)
        over = [takes_over(d, options.rounds, fitted["coefficients"]) for d in (64, 128)]
        numbers = {
            "rows": rows,
            "slopes": slopes(rows),
            "fit": fitted,
            "attention takes over": over,
        }
        write_json(RESULTS, numbers)
    shown = {k: v for k, v in numbers.items() if k != "rows"}
    print(json.dumps(shown, indent=1))
    if options.plot:
        save(figure(numbers), options.plot)


if __name__ == "__main__":
    main()
