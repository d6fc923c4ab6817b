"""The document's 3×2 example: every number, every step.

    python -m lora_np.worked_example          in the terminal, step by step
    worked_example.run()                      the same numbers, for a notebook or a test
"""

import argparse
import json
import sys

import numpy as np

from .gradcheck import numerical_gradient
from .methods.inits import both_zero, zero_b
from .methods.lora import LoRALinear
from .nn.layers import Linear
from .optim import SGD
from .quant import NF4Linear, quantize_nf4

X = np.array([[0.2, -0.3, 0.5]])  # one token (1, 3)
W = np.array([[0.1, 0.4], [-0.2, 0.3], [0.7, -0.5]])  # the frozen weight (3, 2)
DOCUMENT_Y = np.array([[0.54, -0.19]])  # what the document prints for xW; its terms sum to less
A_START = np.array([[0.5, 0.2], [-0.4, 0.1], [0.3, -0.4]])  # the first r columns are A₀
X2 = np.array([[0.3, 0.2, 0.0]])  # a second token, at a right angle to x
WALL_MOVES = np.array([[0.11, 0.07], [0.07, -0.11]])  # where the two tokens should go: rank 2


def half_squares(y, target):
    """L = ½|y − t|² summed over tokens, and dy = y − t."""
    return 0.5 * float(((y - target) ** 2).sum()), y - target


def lora_layer(rank=1, alpha=2.0, init=zero_b, base=None):
    """LoRA beside a frozen copy of the document's W, with A₀ in place of a random A."""
    base = Linear(W.copy()) if base is None else base
    layer = LoRALinear(base, rank, alpha, np.random.default_rng(0), init=init)
    if init is zero_b:
        layer.A.data[...] = A_START[:, :rank]
    return layer


def descend(layer, x, target, lr, steps):
    """Plain gradient descent; returns what each step saw, the last one without moving."""
    optimizer, records = SGD(layer.trainable_parameters(), lr), []
    for step in range(steps + 1):
        y, cache = layer.forward(x)
        with np.errstate(over="ignore"):  # reported below, in words
            loss, dy = half_squares(y, target)
        if not np.isfinite(loss):
            raise ValueError(f"the loss is {loss} at step {step}: try a learning rate below {lr}")
        layer.backward(dy, cache)
        gradients = {"d" + name: p.grad for name, p in layer.named_parameters() if p.trainable}
        values = {name: p.data.copy() for name, p in layer.named_parameters() if p.trainable}
        records.append({"step": step, "y": y, "loss": loss, "dy": dy, **values, **gradients})
        if step < steps:
            optimizer.step()
    return records


def gradients_three_ways(layer, record, target):
    """At one step: dA and dB by hand, from backward, and the gap to finite differences."""
    here = layer.view()
    here.A.data, here.B.data = record["A"].copy(), record["B"].copy()
    u, s = X @ record["A"], layer.scale  # (1, r)
    by_hand = {"dB": s * u.T @ record["dy"], "dA": s * X.T @ (record["dy"] @ record["B"].T)}

    def loss():
        return half_squares(here(X), target)[0]

    result = {"u": u}
    for name, parameter in {"dB": here.B, "dA": here.A}.items():
        numerical = numerical_gradient(loss, parameter.data)
        result[name] = {
            "by_hand": by_hand[name],
            "backward": record[name],
            "gap_by_hand": float(np.abs(by_hand[name] - record[name]).max()),
            "gap_differences": float(np.abs(numerical - record[name]).max()),
        }
    return result


def rank_wall(steps=500, lr=0.5):
    """Two tokens that must move in two independent directions: rank 1 stops half-way."""
    x = np.concatenate([X, X2])
    target = x @ W + WALL_MOVES
    result = {"floor": 0.5 * float(np.linalg.svd(WALL_MOVES, compute_uv=False)[1] ** 2)}
    for rank in (1, 2):
        curve = [r["loss"] for r in descend(lora_layer(rank, 2.0 * rank), x, target, lr, steps)]
        result[f"rank_{rank}"] = curve
    return result


def run(alpha=2.0, rank=1, lr=0.5, target=(0.54, -0.19), steps=10):
    """Every number of the example, as a dictionary of floats, lists and arrays.

    Shapes: x (1, 3), W (3, 2), A (3, r), B (r, 2), y (1, 2).
    Raises: ValueError for a rank outside 1 … 2, fewer than 1 step, or a learning rate at which
    the loss overflows.
    """
    if steps < 1:
        raise ValueError(f"expected at least 1 step, got {steps}")
    t = np.array(target, dtype=np.float64).reshape(1, 2)
    layer = lora_layer(rank, alpha)
    W_before = layer.base.weight.data.tobytes()
    records = descend(layer, X, t, lr, steps)
    delta_W = layer.A.data @ layer.B.data  # (3, 2)
    stuck = descend(lora_layer(rank, alpha, both_zero), X, t, lr, steps)

    dense = Linear(W.copy())
    descend(dense, X, t, lr, steps)
    return {
        "x": X, "W": W, "terms": X.T * W, "y": X @ W, "document_y": DOCUMENT_Y,
        "alpha": alpha, "rank": rank, "lr": lr, "target": t, "scale": layer.scale,
        "steps": records,
        "at_init": gradients_three_ways(layer, records[0], t),
        "after_one_step": gradients_three_ways(layer, records[1], t),
        "A": layer.A.data, "B": layer.B.data, "delta_W": delta_W,
        "W_new": layer.effective_weight(), "y_adapter": layer(X), "y_merged": layer.merge()(X),
        "W_bytes": len(W_before),
        "W_unchanged": layer.base.weight.data.tobytes() == W_before,
        "both_zero": {"dA": stuck[0]["dA"], "dB": stuck[0]["dB"],
                      "loss_first": stuck[0]["loss"], "loss_last": stuck[-1]["loss"]},
        "one_token_gradient_rank": int(np.linalg.matrix_rank(X.T @ records[0]["dy"])),
        "rank_wall": rank_wall(),
        "side_effect": {"x2": X2, "before": X2 @ W, "dense": dense(X2), "lora": layer(X2)},
        "counts": [count(3, 2, rank), count(512, 1536, 8)],
        "nf4": in_four_bits(rank, alpha, t, lr, steps),
    }  # fmt: skip


def count(n_in, n_out, rank):
    """How many numbers train, dense and LoRA, and the rank from which LoRA trains no fewer."""
    full, lora = n_in * n_out, rank * (n_in + n_out)
    return {"shape": [n_in, n_out], "rank": rank, "full": full, "lora": lora,
            "share": lora / full, "break_even_rank": full / (n_in + n_out)}  # fmt: skip


def in_four_bits(rank, alpha, target, lr, steps):
    """The same W in NF4, and the same LoRA on top: QLoRA on six numbers.

    The codes are listed in W's own order, row by row. (NF4Linear holds Wᵀ; six numbers are one
    block, so the order changes none of them.)
    """
    tensor, frozen = quantize_nf4(W), NF4Linear.from_linear(Linear(W.copy()))
    rounded = frozen.effective_weight()  # (3, 2)
    layer = lora_layer(rank, alpha, base=frozen)
    before = frozen.quantized.codes.tobytes()
    records = descend(layer, X, target, lr, steps)
    return {
        "codes": tensor.unpack().ravel(), "packed": tensor.codes,
        "absmax": tensor.absmax, "rounded": rounded, "error": rounded - W,
        "y": frozen(X), "bytes": tensor.nbytes, "bytes_float32": W.astype(np.float32).nbytes,
        "steps": records, "codes_unchanged": frozen.quantized.codes.tobytes() == before,
    }  # fmt: skip


def plain(value):
    """The same numbers as JSON holds them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m lora_np.worked_example",
        description="The document's 3x2 example, step by step. Change a number, see what breaks.",
    )
    parser.add_argument("--alpha", type=float, default=2.0, help="LoRA's alpha (default 2)")
    parser.add_argument("--rank", type=int, default=1, help="LoRA's rank, 1 or 2 (default 1)")
    parser.add_argument("--lr", type=float, default=0.5, help="the learning rate (default 0.5)")
    parser.add_argument("--target", type=float, nargs=2, default=[0.54, -0.19],
                        metavar=("Y1", "Y2"), help="default: the document's misprint")  # fmt: skip
    parser.add_argument("--step", action="store_true", help="pause at each step")
    parser.add_argument("--plot", metavar="FILE", help="draw W, s*dW and W' to an image file")
    parser.add_argument("--json", action="store_true", help="print every number as JSON instead")
    options = parser.parse_args(arguments)
    try:
        numbers = run(options.alpha, options.rank, options.lr, options.target)
    except ValueError as error:
        parser.error(str(error))
    if options.json:
        print(json.dumps(plain(numbers), indent=1))
    else:
        from .worked_example_screen import screens

        pause = options.step and sys.stdin.isatty()
        for screen in screens(numbers):
            print(screen)
            if pause:
                input("   [Enter for the next step] ")
    if options.plot:
        from .plots import save, worked_example_figure

        try:
            save(worked_example_figure(numbers), options.plot)
        except (OSError, ValueError) as error:
            parser.error(f"cannot write {options.plot}: {error}")
        print(f"figure written to {options.plot}", file=sys.stderr)


if __name__ == "__main__":
    main()
