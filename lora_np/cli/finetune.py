"""python -m lora_np finetune: adapt a model to code, or to a text of one's own."""

import sys
from dataclasses import fields, replace
from pathlib import Path

from ..checkpoint import save_adapter, save_model
from ..checkpoint.peft.forms import form_of
from ..methods import METHODS, FullFineTuning, TrainableTokens
from ..methods.targets import ALL_LINEAR
from ..quant.int8 import Int8Embedding
from ..recipes.finetune import finetune
from ..system.files import write_json
from ..system.hints import command, did_you_mean
from ..system.process import cores, prepare
from ..system.progress import announced
from .card import HALF, peft_reads, write_card
from .folders import STATE, run_directory, same_run
from .options import add_base, add_texts, again, open_base, open_texts, positive, real, show, whole
from .out import any_folder

check_out = any_folder

BY_NAME = {method.name: method for method in METHODS}
SETTINGS = ("rank", "alpha", "targets", "feedforward", "tokens")  # of methods, with an option
NUMBERS = (int, float, bool, int | None)  # the types of those that --set sets
OWN, OTHER = {"batch_size": 16, "windows": 128}, {"batch_size": 4, "windows": 16}


def add(commands):
    parser = commands.add_parser(
        "finetune",
        help="fine-tune the base on code or on a text file (a minute)",
        description="Fine-tune the base, and say what was gained, what forgotten and what it cost.",
    )
    add_base(parser)
    option, names = parser.add_argument, {"nargs": "+", "metavar": "NAME"}
    sizes = {key: f"(default {OWN[key]}; {OTHER[key]} with --base)" for key in OWN}
    windows = f"held-out windows of that length to take losses over {sizes['windows']}"
    layers = "layers to adapt, as c_attn, or q_proj v_proj for a Llama (default: all; IA3: c_attn)"
    inputs = "layers whose inputs IA3 scales (default mlp.c_proj), as down_proj for a Llama"
    others = "the method's other settings, as block=16 or numbers=200"
    again = "keep only what each block reads and run it again in backward: less memory, more time"
    option("--method", choices=BY_NAME, default="lora", help="default %(default)s")
    add_texts(parser)
    option("--rank", type=positive, help="LoRA's r (default 8)")
    option("--alpha", type=real(""), help="the scale is alpha/r (default 2 r)")
    option("--targets", help=layers, **names)
    option("--feedforward", help=inputs, **names)
    option("--set", help=others, nargs="+", metavar="NAME=NUMBER", default=[])
    ids = "the tokens whose rows --method tokens trains; from the vocabulary's size on, new ones"
    option("--token-ids", nargs="+", metavar="ID", type=whole(0), dest="tokens", help=ids)
    option("--lr", type=real(), help="learning rate (default: the method's own)")
    option("--steps", type=positive, default=300, help="default %(default)s")
    option("--batch-size", type=positive, help=f"sequences a step {sizes['batch_size']}")
    option("--length", type=positive, default=128, help="tokens (default %(default)s)")
    option("--windows", type=positive, help=windows)
    option("--recompute", action="store_true", help=again)
    option("--adam-8bit", action="store_true", help="AdamW's moments in 8 bits: a quarter of them")
    option("--resume", action="store_true", help="go on from --out's last state")
    return parser


def setting(text):
    """(name, number) of "name=number"."""
    name, _, value = text.partition("=")
    try:
        return name, int(value) if value.lstrip("-").isdigit() else float(value)
    except ValueError:
        raise ValueError(f"--set: expected NAME=NUMBER, as block=16, got {text!r}") from None


def method_of(name, **given):
    """The method called `name` as METHODS has it, but for what is `given` and not None."""
    method = BY_NAME[name]
    settings = {key: value for key, value in given.items() if value is not None}
    for key in settings:
        numbers = [f.name for f in fields(method) if f.type in NUMBERS and f.name not in SETTINGS]
        if key not in SETTINGS and key not in numbers:
            has = f"it has {', '.join(numbers) or 'none'}{did_you_mean(key, numbers)}"
            raise ValueError(f"--set {key}: no number that --method {name} takes; {has}")
        if key not in settings_of(method):
            key = "token-ids" if key == "tokens" else key
            raise ValueError(f"--{key} is no setting of --method {name}; leave it out")
    if name == TrainableTokens.name and "tokens" not in settings:
        raise ValueError(f"--method {name} trains the rows of --token-ids ID …: name some")
    for key in settings.keys() & {"targets", "feedforward", "tokens"}:
        everywhere = settings[key] in (ALL_LINEAR, [ALL_LINEAR], ["all"])
        settings[key] = ALL_LINEAR if everywhere else tuple(settings[key])
    if "rank" in settings and "alpha" in settings_of(method):
        settings.setdefault("alpha", 2.0 * settings["rank"])
    return replace(method, **settings)


def settings_of(method):
    return {field.name for field in fields(method)}


def run(options):
    prepare(options.base)
    if options.resume and not options.out:
        raise ValueError("--resume needs --out DIR, the directory of the run to go on with")
    if not options.out:
        return trained(options)
    with run_directory(options.out, options.resume, options.steps) as directory:
        return trained(options, directory)


def trained(options, directory=None):
    given = {key: getattr(options, key) for key in SETTINGS}
    for name, number in map(setting, options.set):
        if name in given:
            own = "has an option of its own" if name in SETTINGS else "is given twice"
            raise ValueError(f"--set {name}={number}: {name} {own}; leave this out")
        given[name] = number
    method = method_of(options.method, **given)
    if directory and options.method != FullFineTuning.name:
        check_saved(method)
    nf4 = options.method == "qlora" and options.base is not None
    base, tokenizer = open_base(options.base, nf4)
    if nf4:  # that is how it was loaded
        embeddings = isinstance(base.wte, Int8Embedding)
        method = replace(method, double_quant=True, int8_embeddings=embeddings)
    reading, others = open_texts(options.data, tokenizer, options.form, options.field)
    if options.data not in ("code", "prose"):
        print(reading.describe(options.length), file=sys.stderr)
    state = directory / STATE if directory else None
    sizes = {**(OWN if options.base is None else OTHER)}
    sizes |= {key: given for key in sizes if (given := getattr(options, key))}
    if directory:
        begun = "base", "data", "seed", "lr", "length", "steps"
        how = {key: getattr(options, key) for key in begun}
        same_run(directory, options.resume, (reading, *others), **how, **sizes)
    with announced(f"taking held-out losses, then {options.steps} steps"):
        model, history, numbers = finetune(
            base, method, reading, others, lr=options.lr, steps=options.steps,
            length=options.length, **sizes, every=max(1, options.steps // 4), seed=options.seed,
            state=state, resume=options.resume, threads=cores(), recompute=options.recompute,
            adam_8bit=options.adam_8bit,
        )  # fmt: skip
    if directory:
        if options.method == "full":
            save_model(model, tokenizer, directory)
        else:
            save_adapter(model, directory, options.base)
        write_card(directory, numbers, options)
        write_json(directory / "results.json", {**numbers, "history": history.as_dict()})
    show(options, numbers, screen(numbers, options))
    if history.interrupted:
        return 130


def check_saved(method):
    """Raise ValueError for a method that save_adapter could not write, once it is trained."""
    if form_of(method) is None:
        raise ValueError(
            f"{method.name} has no form in checkpoint/peft: its numbers could not be saved. Write "
            "its form (checkpoint/peft/forms.py says how), or train without --out"
        )


def kept(options):
    """What is left of a run that Ctrl-C ended, and how to go on."""
    if not options.out:
        return f"Nothing is kept without --out DIR; again with: {again(options)}"
    if not (Path(options.out) / STATE).exists():
        return f"No step was done yet; again with: {again(options)}"
    return f"All of it is kept; go on with: {again(options, '--resume')}"


def screen(n, options):
    done, lines = n["steps"], []
    if done < options.steps:
        lines = [f"Interrupted after {done} of {options.steps} steps. {kept(options)}", ""]
    lines += [f"{n['method']}, {n['steps']} steps, learning rate {n['lr']:.3g}"]
    lines += ["", f"{'held-out loss, nats/token':<28}{'before':>9}{'after':>9}{'change':>9}"]
    for name, before in n["base"].items():
        after = n["after"][name]
        lines.append(f"  {name[-26:]:<26}{before:>9.3f}{after:>9.3f}{after - before:>+9.3f}")
    lines += ["", f"trained numbers {n['trained']:>14,}"]
    lines += [f"{kind:<14}{size / 1e6:>10.2f} MB" for kind, size in n["bytes"].items()]
    total = sum(n["bytes"].values()) / 1e6
    lines += [f"{'in all':<14}{total:>10.2f} MB    {n['ms_per_step']:.0f} ms a step"]
    if options.out:
        whole = options.method == "full"
        base = ["--base", options.base] if options.base and not whole else []
        use = [*base, "--base" if whole else "--adapter", options.out]
        lines += ["", f"wrote {options.out}; try: {command('generate', *use)}"]
    if options.out and peft_reads(options.out):
        lines.append(HALF)
    if options.out and options.method == "qlora":
        lines.append(
            "It learnt beside a 4-bit base: --nf4 gives it that base, and on the float "
            "base it acts a little otherwise."
        )
    return "\n".join(lines)
