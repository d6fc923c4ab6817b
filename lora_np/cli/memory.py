"""python -m lora_np memory: what training holds, for a layer (measured) or a model (by formula)."""

import numpy as np

from ..memory import formulas
from ..methods import FullFineTuning, LoRA, QLoRA
from ..methods.targets import ALL_LINEAR
from ..nn import GPT, GPTConfig
from ..objectives import cross_entropy
from ..recipes.step_memory import layer_rows, peak_of_a_step
from ..tasks import next_token
from ..train.optim import AdamW
from .options import positive, write_and_show

SHAPES = [(2, 64, 64, 16), (4, 128, 64, 16), (2, 512, 128, 8), (2, 512, 32, 1), (2, 64, 512, 4)]
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
    what, shape = parser.add_mutually_exclusive_group(required=True), {"metavar": ("IN", "OUT")}
    layer = "one linear layer: build it and measure"
    steps = "train small models and compare the peak with the formula"
    what.add_argument("--shape", nargs=2, type=positive, help=layer, **shape)
    what.add_argument("--measure", action="store_true", help=steps)
    what.add_argument("--model", choices=formulas.MODELS, help="a whole model: by formula")
    parser.add_argument("--rank", type=positive, default=8, help="LoRA's r (default %(default)s)")
    return parser


def run(options):
    if options.measure:
        numbers = of_steps(options.rank, options.seed)
        text = peaks(numbers)
    else:
        if options.shape:
            numbers = of_layer(*options.shape, options.rank, options.seed)
        else:
            numbers = of_model(options.model, options.rank)
        numbers["assumption"], text = ASSUMPTION.replace("\n", " "), screen(numbers)
    write_and_show(options, numbers, text)


def of_layer(n_in, n_out, rank, seed=0):
    """Rows measured on real layers after one backward pass, each beside its prediction."""
    rows = layer_rows(n_in, n_out, rank, np.random.default_rng(seed))
    predicted = formulas.table(formulas.Shape((("layer", n_in, n_out, 1),), 0), rank)
    rows = [row | {"predicted": each["total"]} for row, each in zip(rows, predicted)]
    return {"shape": [n_in, n_out], "numbers": n_in * n_out, "rows": rows}


def of_steps(rank, seed=0):
    """For each method at each of SHAPES: the peak of a training step, counted and measured."""
    how = rank, 2.0 * rank, ALL_LINEAR
    methods, rows = {"full": FullFineTuning(), "LoRA": LoRA(*how), "QLoRA": QLoRA(*how)}, []
    for layers, d, T, B in SHAPES:
        rng = np.random.default_rng(seed)
        base = GPT(GPTConfig(256, T, d, layers, max(2, d // 64)), rng)
        batch = next_token(rng.integers(0, 256, (B, T + 1)))
        for name, method in methods.items():
            model = method.apply(base, rng)
            optimizer = AdamW(model.trainable_parameters())
            found = peak_of_a_step(model, optimizer, batch, cross_entropy)
            rows.append({"method": name, "shape": [layers, d, T, B], **found})
    return {"rank": rank, "rows": rows}


def peaks(numbers):
    """A row for each method and shape, MB; "state" is weights, gradients and moments."""
    kinds = ("state", "activations", "passing", "predicted", "measured")
    heads = ("state", "kept", "passing", "sum", "measured")
    lines = [f"{'MB':<6}{'layers':>6}{'d':>5}{'T':>5}{'B':>4}"]
    lines[0] += "".join(f"{head:>9}" for head in heads) + "  ratio"
    for row in numbers["rows"]:
        row = row | {"state": row["weights"] + row["gradients"] + row["moments"]}
        line = f"{row['method']:<6}" + "{:>6}{:>5}{:>5}{:>4}".format(*row["shape"])
        line += "".join(f"{row[kind] / 1e6:>9.2f}" for kind in kinds)
        lines.append(f"{line}{row['measured'] / row['predicted']:>7.3f}")
    lines.append("State: weights, gradients, AdamW's moments. Kept: activations, for the backward")
    lines.append("pass. Passing: the largest temporaries, or AdamW's where those are more.")
    lines.append("Measured: the most that NumPy's arrays took at once (tracemalloc) in two steps.")
    return "\n".join(lines)


def of_model(name, rank):
    """Rows by formula, and beside each published figure the bytes a number that it implies."""
    shape = formulas.MODELS[name]
    published = []
    for model, what, size, count, source in formulas.PUBLISHED:
        if model == name:
            figure = {"what": what, "bytes": size, "numbers": count}
            published.append(figure | {"bytes_per_number": size / count, "source": source})
    rows = formulas.table(shape, rank)
    for row in rows:  # of parameters that all have LEAST numbers or more
        moments = formulas.moments_8bit([row["trained"]])
        row["total_8bit"] = row["total"] - row["moments"] + moments
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
    if "model" in n:
        totals = ", ".join(f"{row['total_8bit'] / divisor:.3f}" for row in n["rows"])
        lines += ["", "With AdamW8bit, two moments in 2.03 bytes and not 8, the totals are", totals]
        lines[-1] += f" {unit}."
    if n.get("published"):
        lines += ["", "What published figures imply, in bytes a number:"]
        for p in n["published"]:
            lines.append(f"  {p['what']:<32}{p['bytes_per_number']:>6.2f}   {p['source']}")
        lines.append("They rest on assumptions that differ from each other and from the one above")
        lines.append("(16-bit weights, what counts as held), so they are shown, not fitted.")
    return "\n".join(lines)
