"""python -m lora_np inspect: what a model is, or what an adapter does to each layer of its base."""

from pathlib import Path

from ..analysis.adapter_report import inspect_adapter
from ..checkpoint import load_adapter, smollm2_path
from ..checkpoint.adapter import form_of, is_adapter
from ..checkpoint.describe import describe_model
from .card import peft_reads
from .options import add_base, open_base, write_and_show

FORMS = {
    "peft": "PEFT's form",
    "lora_np": "this library's own form, which PEFT cannot read",
    "gguf": "llama.cpp's form (GGUF)",
    "mlx": "mlx-lm's form",
}


def add(commands):
    parser = commands.add_parser(
        "inspect",
        help="a model's kind, sizes and options; an adapter's targets, rank and scale",
        description="Say what a model (Hugging Face's form, or GGUF) is, from its headers alone; "
        "or read an adapter (PEFT's form, mlx-lm's, or GGUF) and say what it does to its base.",
    )
    word = "a directory or a GGUF file, of an adapter or of a model; or smollm2"
    parser.add_argument("adapter", metavar="ADAPTER|MODEL", help=word)
    add_base(parser)
    return parser


def run(options):
    path = smollm2_path() if options.adapter == "smollm2" else Path(options.adapter)
    if not is_adapter(path):
        about = describe_model(path)
        return write_and_show(options, about, model_screen(about))
    model, _ = open_base(options.base)
    about = inspect_adapter(load_adapter(model, path))
    form = form_of(path)
    form = "lora_np" if form == "peft" and not peft_reads(path) else form
    numbers = {"form": form} | about
    return write_and_show(options, numbers, screen(numbers))


def model_screen(about):
    count = "{:,}".format
    return "\n".join(
        f"{name:<16}{count(value) if type(value) is int else value}"
        for name, value in about.items()
    )


def screen(numbers):
    lines = [*numbers["methods"], f"{numbers['trained']:,} trained numbers"]
    lines += [f"in {FORMS[numbers['form']]}", ""]
    lines.append(f"{'layer':<24}{'in x out':>13}{'rank':>6}{'scale':>8}   |s*dW| / |W|")
    for layer in numbers["layers"]:
        size = "{} x {}".format(*layer["shape"])
        rank = "-" if layer["rank"] is None else layer["rank"]
        scale = "-" if layer["scale"] is None else f"{layer['scale']:.3g}"
        lines.append(f"{layer['name']:<24}{size:>13}{rank:>6}{scale:>8}   {layer['change']:>13.4f}")
    return "\n".join(lines)
