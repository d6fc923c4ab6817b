"""What the lessons' figures show, computed by the package: see `answers.py`."""

from functools import partial

import numpy as np

from ...memory import formulas
from ...methods.low_rank.dora import DoRALinear
from ...methods.low_rank.lora_init import best_factors
from ...methods.low_rank.lora_linear import LoRALinear
from ...methods.product.ia3 import ScaledInput, ScaledOutput
from ...nn.attention import attend_forward
from ...nn.functional import log_softmax
from ...nn.gpt import GPTConfig
from ...nn.linear import Linear
from ...nn.module import Parameter
from ...quant.nf4 import CODEBOOK, quantize_nf4
from ...quant.quantized_linear import NF4Linear
from ...train.optim import SGD, AdamW
from ...worked_example.numbers import descend

FAR = 100  # a loss above ends the path
STEEP = np.array([1.0, 100.0])  # of the valley
RANKS = (1, 2, 4, 8, 16, 32, 64)
BETAS = 0.05 * 200 ** (np.arange(61) / 60)  # the prices of a nat, 0.05 to 10
ALL = ("c_attn", "attn.c_proj", "c_fc", "mlp.c_proj")


def lora(W, A, B, alpha=None, kind=LoRALinear):
    """LoRA beside W, or the layer W, with these factors; s = 1 without an α."""
    base = Linear(W) if isinstance(W, np.ndarray) else W
    rank = A.shape[1]
    layer = kind(base, rank, rank if alpha is None else alpha, np.random.default_rng(0))
    layer.A.data[...], layer.B.data[...] = A, B
    return layer


def landscape(state):
    """landscape.mjs: descent on ½(AB − t)², LoRA with one input, one output and W = 0."""
    (a, b), one = state["start"], np.ones((1, 1))
    layer = lora(0 * one, a * one, b * one)
    records = descend(layer, one, state["target"] * one, state["rate"], state["steps"])
    losses = [record["loss"] for record in records]
    end = next((k + 1 for k, loss in enumerate(losses) if not loss < FAR), len(losses))
    path = [[r["A"].item(), r["B"].item()] for r in records[:end]]
    arrived = next((k for k, loss in enumerate(losses[:end]) if loss < 5e-5), -1)
    return {"path": path, "losses": losses[:end], "arrived": arrived}


def valley(state):
    """valley.mjs: descent on ½(w₁² + 100w₂²), by SGD on an average of gradients or by AdamW."""
    w, beta = Parameter(np.array(state["start"], float)), state["beta"]
    adam = state["way"] == "AdamW"
    optimizer = AdamW([w], state["rate"], (beta, 0.999)) if adam else SGD([w], state["rate"])
    path, average = [w.data.copy()], np.zeros(2)
    for _ in range(state["steps"]):
        average = beta * average + (1 - beta) * STEEP * w.data
        w.grad = STEEP * w.data if adam else average
        optimizer.step()
        path.append(w.data.copy())
    return {"path": path, "losses": [0.5 * float(STEEP @ point**2) for point in path]}


def rank(state):
    """rank.mjs: what the first r outer products leave of D."""
    D = np.array(state["D"], float)
    sums = [np.multiply(0, D)]
    sums += [np.matmul(*best_factors(D, r, 1.0)) for r in range(1, len(D) + 1)]
    sigma = np.linalg.svd(D, compute_uv=False)
    left = [np.linalg.norm(D - part) for part in sums]
    return {"sigma": sigma, "left": left, "rank": int((sigma > 1e-9).sum())}


def scale(state):
    """scale.mjs: how far LoRA's first step moves the output, by rank and way of making s."""
    u, size = np.array(state["u"]), len(state["u"])
    x, dy = np.eye(1, size), np.zeros((1, size))  # x sees A's first row, which is u
    dy[0, : len(state["dy"])] = state["dy"]
    kind = partial(AdamW, eps=1e-30) if state["way"] == "AdamW" else SGD

    def layer(rule, r):
        alpha = state["alpha"] * (r if rule == "alone" else 1)
        made = LoRALinear(
            Linear(np.zeros((size, size))), r, alpha, np.random.default_rng(0),
            rslora=rule == "root",
        )  # fmt: skip
        made.A.data[...], made.B.data[...] = 0, 0
        made.A.data[0] = u[:r]
        return made

    def shift(rule, r):
        made = layer(rule, r)
        y, cache = made.forward(x)
        made.backward(dy, cache)
        kind([made.A, made.B], state["rate"]).step()
        return float(np.linalg.norm(made(x) - y))

    rules = ("over", "root", "alone")
    shifts = {rule: [shift(rule, r) for r in RANKS] for rule in rules}
    return {"s": {rule: layer(rule, state["r"]).scale for rule in rules}} | shifts


def blocks(state):
    """blocks.mjs: weights in NF4, in blocks of this size."""
    weights, size = np.array(state["weights"]), state["size"]
    made = quantize_nf4(weights, block_size=size)
    errors = made.dequantize() - weights
    return {
        "absmax": made.absmax.astype(float), "marks": np.outer(made.absmax, CODEBOOK).astype(float),
        "codes": made.unpack(), "values": made.dequantize(float), "bytes": made.nbytes,
        "rms": np.sqrt((errors.reshape(-1, size) ** 2).mean(axis=1)),
        "all": float(np.sqrt((errors**2).mean())),
    }  # fmt: skip


def merge(state):
    """merge.mjs: Ŵ + ΔW of one block, rounded to NF4 again."""
    weights, delta = np.array(state["weights"]), state["size"] * np.array(state["directions"])
    before = quantize_nf4(weights, block_size=weights.size)
    dense = before.dequantize(float) + delta
    after = quantize_nf4(dense, block_size=weights.size)
    lost = after.dequantize(float) - dense
    codes, again = before.unpack(), after.unpack()
    moves = state["size"] != 0
    return {
        "start": before.dequantize(float), "dense": dense, "codes": codes, "again": again,
        "values": after.dequantize(float), "absmax": float(after.absmax[0]),
        "stay": int((codes == again).sum()),
        "error": float(np.linalg.norm(lost) / np.linalg.norm(delta)) if moves else 0.0,
    }  # fmt: skip


def attention(state):
    """attention.mjs: one head; without the mask each query is the last, and looks at all keys."""
    q, k = (np.array(state[name]) for name in "qk")
    v = np.array([state["v"], np.zeros(len(k))]).T  # as wide as a key
    if state["mask"]:
        out, cache = attend_forward(q[None, None], k[None, None], v[None, None])
        p, out = cache[3][0, 0, 0], out[0, :, 0]  # (T, T), (T, hd)
    else:
        out, cache = attend_forward(
            q[:, None, None], *(np.stack([a[None]] * len(q)) for a in (k, v))
        )
        p, out = cache[3][:, 0, 0, 0], out[:, 0, 0]
    return {"scores": q @ k.T / np.sqrt(q.shape[1]), "p": p, "out": out[:, 0]}


def memory(state):
    """memory.mjs: what a training step holds, by `lora_np.memory.formulas`."""
    d, layers, T, r = (state[name] for name in ("width", "layers", "tokens", "rank"))
    vocabulary, positions = state["vocabulary"], state["positions"]
    shape = formulas.gpt2_shape(d, layers, vocabulary, positions)
    config = GPTConfig(vocabulary, positions, d, layers, state["heads"])
    every, one, head = shape.lora(r), shape.lora(r, ("c_attn",)), vocabulary * d
    rows = {
        "full": ((shape.weights,), {"keeps": ALL, "reads_head": True}),
        "c_attn": ((one, one), {"keeps": ("c_attn",), "rank": r}),
        "LoRA": ((every, every), {"keeps": ALL, "rank": r}),
        "QLoRA": ((every, every, True), {"keeps": ALL, "rank": r}),
        "head": ((head, head), {"body": False, "reads_head": True}),
    }

    def row(numbers, options):
        held = [*formulas.state(shape, *numbers).values()]
        kept = formulas.activations(config, state["texts"], T, **options)
        for_one = formulas.activations(config, 1, T, **options) - 8 * T
        even = (sum(held) - 8 * T) / for_one
        return {
            "trained": numbers[0],
            "bytes": [*held, kept],
            "total": sum(held) + kept,
            "even": even,
        }

    return {name: row(*parts) for name, parts in rows.items()}


def shapes(state):
    """shapes.mjs: ΔW = W' − W of a method's layer with these learnt numbers."""
    W, A, B = (np.array(state[name]) for name in "WAB")
    base, layer = Linear(W), None
    match state["method"]:
        case "full":
            layer = Linear(W + np.array(state["D"]))
        case "LoRA":
            layer = lora(W, A, B)
        case "QLoRA":
            layer = lora(NF4Linear.from_linear(base, block_size=W.size), A, B)
        case "DoRA":
            layer = lora(W, A, B, kind=DoRALinear)
            layer.m.data *= state["m"]
        case "IA3":
            layer = ScaledOutput(base)
            layer.l.data[...] = state["l"]
        case "inputs":
            layer = ScaledInput(base)
            layer.l.data[...] = state["k"]
        case "BitFit":
            layer = Linear(W, np.array(state["b"]))
            layer.weight.trainable = False
    delta = layer.effective_weight() - W
    sigma = np.linalg.svd(delta, compute_uv=False)
    trained = sum(p.size for p in layer.trainable_parameters())
    return {"delta": delta, "sigma": sigma, "rank": int((sigma > 1e-9).sum()), "trained": trained}


def reward(state):
    """reward.mjs: the best policy at each price β, π_ref·exp(r/β) normalized, and what it gets."""
    reference, judge, wanted = (np.array(state[k]) for k in ("reference", "judge", "wanted"))

    def best(beta):
        log_p = log_softmax(np.log(reference) + judge / beta)
        p = np.exp(log_p)
        KL = float(p @ (np.log(np.maximum(p, 1e-300)) - np.log(reference)))
        return {"policy": p, "KL": KL, "asked": float(p @ judge), "wanted": float(p @ wanted)}

    points = [best(beta) for beta in BETAS]
    curve = {name: [point[name] for point in points] for name in ("KL", "asked", "wanted")}
    start = {"asked": float(reference @ judge), "wanted": float(reference @ wanted)}
    return best(state["beta"]) | {"start": start, "curve": curve}


ANSWERS = {
    each.__name__: each
    for each in (
        landscape, valley, rank, scale, blocks, merge, attention, memory, shapes, reward
    )
}  # fmt: skip
