"""The numbers on the cheat sheet: from the package, and from the pages that hold measured ones."""

import pathlib
import re

from lora_np import LoRA, QLoRA
from lora_np.memory import formulas
from lora_np.methods import METHODS
from lora_np.quant.double_quant import BLOCK

HERE = pathlib.Path(__file__).parents[1]
METHOD = {method.name: method for method in METHODS}
N_IN, N_OUT = 512, 1536  # the layer that lesson 4 weighs
RATES = [
    "full fine-tuning", "LoRA r 1, everywhere", "LoRA r 8, everywhere", "LoRA r 32, everywhere",
    "QLoRA r 8, everywhere", "DoRA r 8, everywhere",
]  # fmt: skip


def bits():
    """(bits a weight in NF4, the same with double quantization)."""
    block = QLoRA().block_size
    return 4 + 32 / block, 4 + 8 / block + 32 / (block * BLOCK)


def rows_of(page, first):
    """The cells of each row of the Markdown table on `page` whose head begins with `first`."""
    below = (HERE / page).read_text("utf-8").split(f"| {first} |", 1)[1].split("\n\n")[0]
    lines = below.strip().split("\n")[2:]  # the rest of the head, and its rule
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def measured():
    """[method, trained, best rate, from … to …, gain on code, prose forgotten] of RATES."""
    found = {row[0]: row for row in rows_of("WHICH_METHOD.md", "method")}
    rows = []
    for name in RATES:
        _, trained, rate, _, gain, forgotten, *_ = found[name]
        best, between = re.fullmatch(r"(\S+) \((.+)\)", rate).groups()
        parts = [name.removesuffix(", everywhere"), trained, best, between, gain, forgotten]
        rows.append([re.sub(r" ± \S+", "", part) for part in parts])
    return rows


def bytes_rows():
    """[what, trained, full fine-tuning, LoRA, QLoRA] of one layer and of whole models."""
    layer = formulas.Shape((("", N_IN, N_OUT, 1),), 0)
    shapes = {f"a layer {N_IN} × {N_OUT}": layer, "GPT-2": formulas.MODELS["gpt2"]}
    shapes |= {
        "SmolLM2-135M": formulas.MODELS["smollm2"],
        "Llama-65B": formulas.MODELS["llama-65b"],
    }
    rows = []
    for name, shape in shapes.items():
        held = formulas.table(shape, LoRA().rank)
        trained = percent(held[1]["trained"] / shape.weights)
        rows.append([name, trained, *(size(each["total"]) for each in held)])
    return rows


def size(count):
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def percent(share):
    return f"{100 * share:.2f} %"


def minus(text):
    return text.replace("-", "−")
