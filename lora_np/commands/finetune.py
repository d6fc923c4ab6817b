"""python -m lora_np finetune: adapt a model to code, or to a text of one's own."""

from dataclasses import replace

from ..checkpoint import load_model, save_adapter, save_model
from ..finetune import finetune
from ..methods import (
    BottleneckAdapters,
    DoRA,
    FullFineTuning,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    QLoRA,
)
from ..methods.common import ALL_LINEAR
from ..parallel import cores
from ..quant.table import Int8Embedding
from ..tasks import text
from .common import add_base, make_directory, open_text, positive, prepare, show, write_json

METHODS = {
    "full": FullFineTuning(), "head": HeadTuning(), "lora": LoRA, "qlora": QLoRA, "dora": DoRA,
    "adapters": BottleneckAdapters(32), "prefix": PrefixTuning(16), "prompt": PromptTuning(16),
}  # fmt: skip
OWN, OTHER = {"batch_size": 16, "windows": 128}, {"batch_size": 4, "windows": 16}


def add(commands):
    parser = commands.add_parser(
        "finetune",
        help="fine-tune the base on code or on a text file (a minute)",
        description="Fine-tune the base, and say what was gained, what forgotten and what it cost.",
    )
    add_base(parser)
    parser.add_argument("--method", choices=METHODS, default="lora", help="default %(default)s")
    parser.add_argument("--data", default="code", metavar="code|prose|FILE",
                        help="what to read (default code: Python's standard library)")  # fmt: skip
    parser.add_argument("--rank", type=positive, default=8, help="LoRA's r (default %(default)s)")
    parser.add_argument("--alpha", type=float, help="the scale is alpha/r (default 2 r)")
    parser.add_argument("--targets", nargs="+", default=ALL_LINEAR, metavar="NAME",
                        help="layers to adapt, as c_attn, or q_proj v_proj for a Llama "
                        "(default: all)")  # fmt: skip
    parser.add_argument("--lr", type=float, help="learning rate (default: the method's own)")
    parser.add_argument("--steps", type=positive, default=300, help="default %(default)s")
    parser.add_argument("--batch-size", type=positive,
                        help=f"sequences a step (default {OWN['batch_size']}; "
                        f"{OTHER['batch_size']} with --base)")  # fmt: skip
    parser.add_argument("--length", type=positive, default=128, help="tokens (default %(default)s)")
    parser.add_argument("--windows", type=positive,
                        help="held-out windows of that length to take losses over (default "
                        f"{OWN['windows']}; {OTHER['windows']} with --base)")  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on from --out's last state")
    return parser


def method_of(options):
    method = METHODS[options.method]
    if not isinstance(method, type):
        return method
    alpha = 2.0 * options.rank if options.alpha is None else options.alpha
    targets = options.targets if options.targets == ALL_LINEAR else tuple(options.targets)
    return method(options.rank, alpha, targets)


def run(options):
    prepare(options.base)
    if options.resume and not options.out:
        raise ValueError("--resume needs --out DIR, the directory of the run to go on with")
    method, nf4 = method_of(options), options.method == "qlora" and options.base is not None
    base, tokenizer = load_model(options.base, nf4)
    if nf4:  # that is how it was loaded
        embeddings = isinstance(base.wte, Int8Embedding)
        method = replace(method, double_quant=True, int8_embeddings=embeddings)
    reading = open_text(options.data, tokenizer)
    kept = [] if options.data == "prose" else [text.prose(tokenizer)]
    directory = make_directory(options.out) if options.out else None
    state = directory / "state.safetensors" if options.out else None
    sizes = OWN if options.base is None else OTHER
    model, history, numbers = finetune(
        base, method, reading, kept, lr=options.lr, steps=options.steps, length=options.length,
        batch_size=options.batch_size or sizes["batch_size"],
        windows=options.windows or sizes["windows"],
        seed=options.seed, every=max(1, options.steps // 4), state=state, resume=options.resume,
        threads=cores(),
    )  # fmt: skip
    if directory:
        if options.method == "full":
            save_model(model, tokenizer, directory)
        else:
            save_adapter(model, directory)
        write_json(directory / "results.json", {**numbers, "history": history.as_dict()})
    show(options, numbers, screen(numbers, options))
    if history.interrupted:
        return 130


def screen(n, options):
    total = sum(n["bytes"].values())
    lines = [f"{n['method']}, {n['steps']} steps, learning rate {n['lr']:.3g}"]
    lines += ["", f"{'held-out loss, nats/token':<28}{'before':>9}{'after':>9}{'change':>9}"]
    for name, before in n["base"].items():
        after = n["after"][name]
        lines.append(f"  {name[-26:]:<26}{before:>9.3f}{after:>9.3f}{after - before:>+9.3f}")
    lines += ["", f"trained numbers {n['trained']:>14,}"]
    lines += [f"{kind:<14}{size / 1e6:>10.2f} MB" for kind, size in n["bytes"].items()]
    lines += [f"{'in all':<14}{total / 1e6:>10.2f} MB    {n['ms_per_step']:.0f} ms a step"]
    if options.out:
        base = f" --base {options.base}" if options.base else ""
        use = "--base" if options.method == "full" else f"{base.strip()} --adapter".strip()
        lines += ["", f"wrote {options.out}; try: python -m lora_np generate {use} {options.out}"]
    if options.out and options.method == "qlora":
        lines.append("It learnt beside a 4-bit base: --nf4 gives it that base, and on the float "
                     "base it acts a little otherwise.")  # fmt: skip
    return "\n".join(lines)
