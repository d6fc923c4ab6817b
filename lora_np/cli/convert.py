"""python -m lora_np convert: whatever changed a base's weights, as LoRA, in any of its forms."""

import shlex

import numpy as np

from ..checkpoint import load_adapter, save_adapter
from ..checkpoint.adapter import FORMS
from ..checkpoint.peft.names import BESIDE_THE_BODY, EMBEDDINGS
from ..methods import to_lora
from ..system.hints import command
from ..system.progress import waiting
from .folders import empty_directory
from .options import add_base, open_base, positive, show
from .out import any_folder

check_out = any_folder


def add(commands):
    parser = commands.add_parser(
        "convert",
        help="DoRA, IA3 or a whole fine-tuned model as LoRA of a chosen rank; an adapter's form",
        description="Take the change of each weight, whatever made it, and keep its largest "
        "singular directions: LoRA of --rank, with the share of the change that is lost. "
        "A rank is lowered so, too. What acts as no dense weight (prefix, prompt, bottleneck) "
        "cannot be converted. With --form and no --rank, an adapter's own numbers in another form.",
    )
    option = parser.add_argument
    wrote = "what finetune --out wrote, PEFT or mlx-lm; or a GGUF file"
    option("--adapter", metavar="PATH", help=wrote)
    option("--tuned", metavar="PATH", help="or a whole fine-tuned model, to compare with its base")
    option("--rank", type=positive, help="of the LoRA that is written")
    option("--form", choices=FORMS, help="PEFT's (default), llama.cpp's GGUF, or mlx-lm's")
    add_base(parser)
    option("--nf4", action="store_true", help="hold the base in 4 bits, as QLoRA does")
    return parser


def run(options):
    if (options.adapter is None) == (options.tuned is None):
        raise ValueError("convert takes --adapter PATH or --tuned PATH: one of the two")
    if options.rank is None and (options.form is None or options.tuned):
        raise ValueError("convert needs --rank; an adapter's own numbers in another form, --form")
    with empty_directory(options.out, "convert") as directory:
        numbers, screen = converted(options, directory)
    show(options, numbers, screen)


def converted(options, directory):
    """(what `show` says in numbers, and on the screen) of the adapter that is written."""
    base, _ = open_base(options.base, options.nf4)
    base.freeze()
    tuned = load_adapter(base, options.adapter) if options.adapter else open_base(options.tuned)[0]
    form = options.form or "peft"
    if options.rank is None:
        save_adapter(tuned, directory, options.base, form)
        screen = f"wrote {directory}: the same numbers; {try_it(options, form, directory)}"
        return {"out": str(directory), "form": form}, screen
    with waiting("decomposing each change"):
        view, errors = to_lora(tuned, base, options.rank)
    left = leave(view, base, (*EMBEDDINGS, *BESIDE_THE_BODY))
    save_adapter(view, directory, options.base, form)
    trained = sum(parameter.size for parameter in view.trainable_parameters())
    numbers = {"out": str(directory), "form": form, "rank": options.rank}
    numbers |= {"errors": errors, "left": left, "trained": trained}
    return numbers, screen_of(options, numbers)


def try_it(options, form, directory):
    """What to do with it: of another program's form, its own command."""
    if form == "gguf":
        words = ["llama-cli", "-m", "BASE.gguf", "--lora", f"{directory}/adapter.gguf"]
        return f"try: {shlex.join(words)}"
    if form == "mlx":
        words = ["mlx_lm.generate", "--model", "BASE", "--adapter-path", str(directory)]
        return f"try: {shlex.join(words)}"
    base = ["--base", options.base] if options.base else []
    return f"try: {command('doctor', directory, *base)}"


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


def screen_of(options, numbers):
    errors, directory = numbers["errors"], numbers["out"]
    lines = [f"{'layer':<28}   lost of its change"]
    lines += [f"{name:<28}   {error:.4f}" for name, error in errors.items()]
    lines += [
        f"{name} differs by {share:.2g} of its size, and is NOT converted: it would be saved whole"
        for name, share in numbers["left"].items()
    ]
    worst = max(errors, key=errors.__getitem__)
    count = f"{len(errors)} layer{'s' * (len(errors) > 1)}, {numbers['trained']:,} numbers"
    lines.append(
        f"wrote {directory}: LoRA r {options.rank} on {count}; lost at most "
        f"{errors[worst]:.2g} of a layer's change ({worst})"
    )
    return "\n".join([*lines, try_it(options, numbers["form"], directory)])
