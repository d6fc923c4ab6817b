"""python -m lora_np finetune: adapt the base to code, or to a text of one's own."""

from .. import checkpoint
from ..finetune import finetune
from ..methods import FullFineTuning, HeadTuning, LoRA, QLoRA
from ..methods.common import ALL_LINEAR
from ..tasks import text
from .common import make_directory, open_model, open_text, positive, prepare, show, write_json

METHODS = {"full": FullFineTuning, "head": HeadTuning, "lora": LoRA, "qlora": QLoRA}


def add(commands):
    parser = commands.add_parser(
        "finetune",
        help="fine-tune the base on code or on a text file (a minute)",
        description="Fine-tune the base, and say what was gained, what forgotten and what it cost.",
    )
    parser.add_argument("--method", choices=METHODS, default="lora", help="default %(default)s")
    parser.add_argument("--data", default="code", metavar="code|prose|FILE",
                        help="what to read (default code: Python's standard library)")  # fmt: skip
    parser.add_argument("--rank", type=positive, default=8, help="LoRA's r (default %(default)s)")
    parser.add_argument("--alpha", type=float, help="the scale is alpha/r (default 2 r)")
    parser.add_argument("--targets", nargs="+", default=ALL_LINEAR, metavar="NAME",
                        help="layers to adapt, as c_attn or mlp.c_proj (default: all)")  # fmt: skip
    parser.add_argument("--lr", type=float, help="learning rate (default: the method's own)")
    parser.add_argument("--steps", type=positive, default=300, help="default %(default)s")
    parser.add_argument("--batch-size", type=positive, default=16, help="default %(default)s")
    parser.add_argument("--base", metavar="DIR", help="a GPT-2 directory to start from")
    parser.add_argument("--resume", action="store_true", help="go on from --out's last state")
    return parser


def method_of(options):
    kind = METHODS[options.method]
    if not issubclass(kind, LoRA):
        return kind()
    alpha = 2.0 * options.rank if options.alpha is None else options.alpha
    targets = options.targets if options.targets == ALL_LINEAR else tuple(options.targets)
    return kind(options.rank, alpha, targets)


def run(options):
    prepare()
    if options.resume and not options.out:
        raise ValueError("--resume needs --out DIR, the directory of the run to go on with")
    method, (base, tokenizer) = method_of(options), open_model(options.base)
    reading = open_text(options.data, tokenizer)
    kept = [] if options.data == "prose" else [text.prose(tokenizer)]
    directory = make_directory(options.out) if options.out else None
    state = directory / "state.safetensors" if options.out else None
    model, history, numbers = finetune(
        base, method, reading, kept, lr=options.lr, steps=options.steps,
        batch_size=options.batch_size, seed=options.seed, every=max(1, options.steps // 4),
        state=state, resume=options.resume,
    )  # fmt: skip
    if directory:
        save = checkpoint.save_gpt2 if options.method == "full" else checkpoint.save_adapter
        save(model, directory)
        write_json(directory / "results.json", {**numbers, "history": history.as_dict()})
    show(options, numbers, screen(numbers, options))
    if history.interrupted:
        return 130


def screen(n, options):
    total = sum(n["bytes"].values())
    lines = [f"{n['method']}, {n['steps']} steps, learning rate {n['lr']:g}"]
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
    if options.out and issubclass(METHODS[options.method], QLoRA):
        lines.append("It learnt beside a 4-bit base; on the float base it acts a little otherwise.")
    return "\n".join(lines)
