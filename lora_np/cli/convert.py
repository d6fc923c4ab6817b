"""python -m lora_np convert: whatever changed a base's weights, as LoRA of a chosen rank."""

import numpy as np

from ..checkpoint import load_adapter, save_adapter
from ..checkpoint.peft.names import BESIDE_THE_BODY, EMBEDDINGS
from ..methods import to_lora
from ..system.hints import command
from ..system.progress import waiting
from .merge import empty_directory
from .options import add_base, open_base, positive, show


def add(commands):
    parser = commands.add_parser(
        "convert",
        help="DoRA, IA3, another rank or a whole fine-tuned model, as LoRA of a chosen rank",
        description="Take the change of each weight, whatever made it, and keep its largest "
        "singular directions: LoRA in PEFT's form, with the share of the change that is lost. "
        "A rank is lowered so, too. What acts as no dense weight (prefix, prompt, bottleneck) "
        "cannot be converted.",
    )
    option = parser.add_argument
    option("--adapter", metavar="DIR", help="what finetune --out wrote, or PEFT")
    option("--tuned", metavar="PATH", help="or a whole fine-tuned model, to compare with its base")
    option("--rank", type=positive, required=True, help="of the LoRA that is written")
    add_base(parser)
    option("--nf4", action="store_true", help="hold the base in 4 bits, as QLoRA does")
    return parser


def run(options):
    if (options.adapter is None) == (options.tuned is None):
        raise ValueError("convert takes --adapter DIR or --tuned PATH: one of the two")
    directory = empty_directory(options.out, "convert")
    base, _ = open_base(options.base, options.nf4)
    base.freeze()
    tuned = load_adapter(base, options.adapter) if options.adapter else open_base(options.tuned)[0]
    with waiting("decomposing each change"):
        view, errors = to_lora(tuned, base, options.rank)
    left = leave(view, base, (*EMBEDDINGS, *BESIDE_THE_BODY))
    save_adapter(view, directory, options.base)
    trained = sum(parameter.size for parameter in view.trainable_parameters())
    numbers = {"out": str(directory), "rank": options.rank, "errors": errors, "left": left}
    show(options, numbers | {"trained": trained}, screen(options, numbers, trained))


def leave(view, base, beginnings):
    """{name: ‖change‖/‖base‖} of the tables and heads that differ; in the view they are the base's:
    an adapter would hold them whole.
    """
    left, ours = {}, dict(base.named_parameters())
    for name, parameter in view.named_parameters():
        if parameter.trainable and name.startswith(beginnings):
            data = ours[name].data
            left[name] = float(np.linalg.norm(parameter.data - data) / np.linalg.norm(data))
            parameter.data[...] = data
            parameter.trainable = False
    return left


def screen(options, numbers, trained):
    errors, directory = numbers["errors"], numbers["out"]
    lines = [f"{'layer':<28}   lost of its change"]
    lines += [f"{name:<28}   {error:.4f}" for name, error in errors.items()]
    lines += [
        f"{name} differs by {share:.2g} of its size, and is NOT converted: it would be saved whole"
        for name, share in numbers["left"].items()
    ]
    worst = max(errors, key=errors.__getitem__)
    count = f"{len(errors)} layer{'s' * (len(errors) > 1)}, {trained:,} numbers"
    lines.append(
        f"wrote {directory}: LoRA r {options.rank} on {count}; lost at most "
        f"{errors[worst]:.2g} of a layer's change ({worst})"
    )
    base = ["--base", options.base] if options.base else []
    return "\n".join([*lines, f"try: {command('doctor', directory, *base)}"])
