"""The numbers of the document's 3×2 example, all of them computed."""

from collections.abc import Callable, Sequence

import numpy as np

from ..gradcheck import numerical_gradient
from ..methods.low_rank.lora_init import both_zero, zero_b
from ..methods.low_rank.lora_linear import LoRALinear
from ..nn.linear import Linear, LinearLike
from ..quant import NF4Linear, quantize_nf4
from ..system.checks import check_real, check_whole
from ..train.optim import SGD

X = np.array([[0.2, -0.3, 0.5]])  # one token (1, 3)
W = np.array([[0.1, 0.4], [-0.2, 0.3], [0.7, -0.5]])  # the frozen weight (3, 2)
DOCUMENT_Y = np.array([[0.54, -0.19]])  # what the document prints for xW; its terms sum to less
A_START = np.array([[0.5, 0.2], [-0.4, 0.1], [0.3, -0.4]])  # the first r columns are A₀
X2 = np.array([[0.3, 0.2, 0.0]])  # a second token, at a right angle to x
TINY = 1e-12  # a gradient that prints as 0, and is rounding
WALL_MOVES = np.array([[0.11, 0.07], [0.07, -0.11]])  # where the two tokens should go: rank 2


def half_squares(y, target):
    """L = ½|y − t|² summed over tokens, and dy = y − t."""
    return 0.5 * float(((y - target) ** 2).sum()), y - target


def lora_layer(
    rank: int = 1, alpha: float = 2.0, init: Callable = zero_b, base: LinearLike | None = None
) -> LoRALinear:
    """LoRA beside a frozen copy of the document's W, with A₀ in place of a random A."""
    base = Linear(W.copy()) if base is None else base
    layer = LoRALinear(base, rank, alpha, np.random.default_rng(0), init=init)
    if init is zero_b:
        layer.A.data[...] = A_START[:, :rank]
    return layer


@np.errstate(over="ignore", invalid="ignore")  # an explosion is seen in its numbers
def descend(layer, x, target, lr, steps):
    """Plain gradient descent; returns what each step saw, the last one without moving.

    Where the loss overflows it ends, and the layer is as it was at the last record.
    """
    optimizer, records = SGD(layer.trainable_parameters(), lr), []
    for step in range(steps + 1):
        y, cache = layer.forward(x)
        loss, dy = half_squares(y, target)
        if not np.isfinite(loss):
            for name, parameter in layer.named_parameters():
                if parameter.trainable and records:
                    parameter.data[...] = records[-1][name]
            break
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


@np.errstate(over="ignore", invalid="ignore")
def run(
    alpha: float = 2.0, rank: int = 1, lr: float = 0.5, target: Sequence[float] = (0.54, -0.19),
    steps: int = 10,
) -> dict:  # fmt: skip
    """Every number of the example, as a dictionary of floats, lists and arrays.

    Shapes: x (1, 3), W (3, 2), A (3, r), B (r, 2), y (1, 2).
    `overflow_step` is the step at which the loss is no longer a number, and so not in `steps`; or
    None.
    Raises: ValueError for a rank outside 1 … 2, fewer than 1 step, a target that is not finite, or
    numbers so large that not even one step can be taken.
    """
    check_whole("expected steps", steps)
    check_real("expected lr", lr, "from 0")
    t = np.array(target, dtype=np.float64).reshape(1, 2)
    if not np.isfinite(t).all():
        raise ValueError(f"expected a target of two finite numbers, got {t.ravel().tolist()}")
    layer = lora_layer(rank, alpha)
    W_before = layer.base.weight.data.tobytes()
    records = descend(layer, X, t, lr, steps)
    if len(records) < 2:
        raise ValueError(
            f"the loss overflows at step {len(records)}: expected a smaller lr, alpha or target, "
            f"got {lr:g}, {alpha:g} and {t.ravel().tolist()}"
        )
    dense = Linear(W.copy())
    descend(dense, X, t, lr, steps)
    given = {"x": X, "W": W, "terms": X.T * W, "y": X @ W, "document_y": DOCUMENT_Y}
    given |= {"alpha": alpha, "rank": rank, "lr": lr, "target": t, "scale": layer.scale}
    learnt = {
        "steps": records,
        "overflow_step": len(records) if len(records) <= steps else None,
        "at_init": gradients_three_ways(layer, records[0], t),
        "after_one_step": gradients_three_ways(layer, records[1], t),
        "A": layer.A.data, "B": layer.B.data, "delta_W": layer.A.data @ layer.B.data,  # (3, 2)
        "W_new": layer.effective_weight(),
        "y_adapter": layer(X),
        "y_merged": layer.merge()(X),
        "W_bytes": len(W_before),
        "W_unchanged": layer.base.weight.data.tobytes() == W_before,
    }  # fmt: skip
    limits = {
        "both_zero": never_learns(rank, alpha, t, lr, steps),
        "one_token_gradient_rank": gradient_rank(records[0]["dy"]),
        "rank_wall": rank_wall(),
        "side_effect": {"x2": X2, "before": X2 @ W, "dense": dense(X2), "lora": layer(X2)},
        "counts": [count(3, 2, rank), count(512, 1536, 8)],
        "nf4": in_four_bits(rank, alpha, t, lr, steps),
    }
    return given | learnt | limits


def gradient_rank(dy):
    """The rank of one token's dense gradient xᵀ dy: 1, or 0 where dy is nothing but rounding."""
    return int(np.linalg.matrix_rank(X.T @ np.where(np.abs(dy) < TINY, 0, dy)))


def never_learns(rank, alpha, target, lr, steps):
    """A and B both zero: each one's gradient is the other times something, so both stay zero."""
    first, *_, last = descend(lora_layer(rank, alpha, both_zero), X, target, lr, steps)
    losses = {"loss_first": first["loss"], "loss_last": last["loss"]}
    return {"dA": first["dA"], "dB": first["dB"], **losses}


def count(n_in, n_out, rank):
    """How many numbers train, dense and LoRA, and the rank from which LoRA trains no fewer."""
    full, lora = n_in * n_out, rank * (n_in + n_out)
    return {
        "shape": [n_in, n_out], "rank": rank, "full": full, "lora": lora, "share": lora / full,
        "break_even_rank": full / (n_in + n_out),
    }  # fmt: skip


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
        "codes": tensor.unpack().ravel(), "packed": tensor.codes, "absmax": tensor.absmax,
        "rounded": rounded, "error": rounded - W, "y": frozen(X), "bytes": tensor.nbytes,
        "bytes_float32": W.astype(np.float32).nbytes, "steps": records,
        "codes_unchanged": frozen.quantized.codes.tobytes() == before,
    }  # fmt: skip


def plain(value):
    """The same numbers as JSON holds them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray) else value
