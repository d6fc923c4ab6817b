"""python -m lora_np memory: what training holds, for a layer (measured) or a model (by formula)."""

import numpy as np

from .. import memory, savings
from ..methods import LoRALinear
from ..nn import Linear
from ..optim import AdamW
from ..quant import NF4Linear
from .common import positive, show, write_json

ASSUMPTION = (
    "Assumed throughout: float32 numbers and AdamW. A number that learns costs\n"
    "16 bytes (weight 4, gradient 4, two moments 8), a frozen one 4, in NF4 0.5625\n"
    "(4.5 bits). Activations are extra: they depend on the batch."
)


def add(commands):
    parser = commands.add_parser(
        "memory",
        help="bytes that training holds, for a layer's shape or a known model",
        description="Bytes held in training: weights, gradients and AdamW's two moments.",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--shape", nargs=2, type=positive, metavar=("IN", "OUT"),
                      help="one linear layer: build it and measure")  # fmt: skip
    what.add_argument("--model", choices=savings.MODELS, help="a whole model: by formula")
    parser.add_argument("--rank", type=positive, default=8, help="LoRA's r (default %(default)s)")
    return parser


def run(options):
    if options.shape:
        numbers = of_layer(*options.shape, options.rank, options.seed)
    else:
        numbers = of_model(options.model, options.rank)
    numbers["assumption"] = ASSUMPTION.replace("\n", " ")
    if options.out:
        write_json(options.out, numbers)
    show(options, numbers, screen(numbers))


def of_layer(n_in, n_out, rank, seed=0):
    """Rows measured on real layers after one backward pass, each beside its prediction."""
    rng = np.random.default_rng(seed)
    weight = (rng.standard_normal((n_in, n_out)) / n_in**0.5).astype(np.float32)
    layers = [
        Linear(weight),
        LoRALinear(Linear(weight), rank, 2.0 * rank, rng),
        LoRALinear(NF4Linear.from_linear(Linear(weight)), rank, 2.0 * rank, rng),
    ]
    predicted = savings.table(savings.Shape((("layer", n_in, n_out, 1),), 0), rank)
    rows = []
    for layer, expected in zip(layers, predicted):
        optimizer = AdamW(layer.trainable_parameters())
        y, cache = layer.forward(rng.standard_normal((1, n_in), dtype=np.float32))
        layer.backward(np.ones_like(y), cache)
        held = memory.held(layer, optimizer)
        rows.append({
            "name": expected["name"],
            "trained": sum(p.size for p in layer.trainable_parameters()),
            **held,
            "total": sum(held.values()),
            "predicted": expected["total"],
        })  # fmt: skip
    return {"shape": [n_in, n_out], "numbers": n_in * n_out, "rows": rows}


def of_model(name, rank):
    """Rows by formula, and beside each published figure the bytes a number that it implies."""
    shape = savings.MODELS[name]
    published = [
        {"what": what, "bytes": size, "numbers": count, "bytes_per_number": size / count,
         "source": source}
        for model, what, size, count, source in savings.PUBLISHED
        if model == name
    ]  # fmt: skip
    rows = savings.table(shape, rank)
    return {"model": name, "numbers": shape.weights, "rows": rows, "published": published}


def screen(n):
    what = n.get("model") or "a linear layer {} x {}".format(*n["shape"])
    lines = [f"{what}: {n['numbers']:,} weights", "", ASSUMPTION, ""]
    unit, divisor = ("GB", 1e9) if n["numbers"] > 1e8 else ("MB", 1e6)
    kinds = ("weights", "gradients", "moments", "total")
    lines.append(f"{unit:<18}{'trained':>16}" + "".join(f"{kind:>11}" for kind in kinds))
    for row in n["rows"]:
        sizes = "".join(f"{row[kind] / divisor:>11.3f}" for kind in kinds)
        lines.append(f"{row['name']:<18}{row['trained']:>16,}{sizes}")
    lines.append("")
    for row in n["rows"]:
        line = f"{row['name']:<18}{row['total'] / n['numbers']:>7.3f} bytes a weight"
        if "predicted" in row:
            line += f"; measured {row['total']:,} bytes, predicted {row['predicted']:,.0f}"
        lines.append(line)
    if n.get("published"):
        lines += ["", "What published figures imply, in bytes a number:"]
        for p in n["published"]:
            lines.append(f"  {p['what']:<32}{p['bytes_per_number']:>6.2f}   {p['source']}")
        lines.append("They rest on assumptions that differ from each other and from the one above")
        lines.append("(16-bit weights, what counts as held), so they are shown, not fitted.")
    return "\n".join(lines)
