"""python -m lora_np inspect: what an adapter does to each layer of its base."""

from ..analysis.adapter_report import inspect_adapter
from ..checkpoint import load_adapter
from .options import add_base, open_base, write_and_show


def add(commands):
    parser = commands.add_parser(
        "inspect",
        help="an adapter's targets, rank, scale, and how far it moves each layer",
        description="Read an adapter (PEFT's form) and say what it does to its base.",
    )
    parser.add_argument("adapter", metavar="ADAPTER", help="the adapter's directory")
    add_base(parser)
    return parser


def run(options):
    model, _ = open_base(options.base)
    numbers = inspect_adapter(load_adapter(model, options.adapter))
    write_and_show(options, numbers, screen(numbers))


def screen(numbers):
    lines = [*numbers["methods"], f"{numbers['trained']:,} trained numbers", ""]
    lines.append(f"{'layer':<24}{'in x out':>13}{'rank':>6}{'scale':>8}   |s*dW| / |W|")
    for layer in numbers["layers"]:
        size = "{} x {}".format(*layer["shape"])
        rank = "-" if layer["rank"] is None else layer["rank"]
        scale = "-" if layer["scale"] is None else f"{layer['scale']:.3g}"
        lines.append(f"{layer['name']:<24}{size:>13}{rank:>6}{scale:>8}   {layer['change']:>13.4f}")
    return "\n".join(lines)
