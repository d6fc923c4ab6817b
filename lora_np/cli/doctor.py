"""python -m lora_np doctor: what is wrong with an adapter, why it matters, and what to do."""

from ..analysis.adapter_files import read_adapter_files
from ..analysis.base_findings import fits
from ..analysis.doctor import examine
from ..analysis.findings import middle
from ..analysis.halved import halved
from ..analysis.layer_numbers import FORMS
from ..checkpoint import load_adapter
from ..recipes.finetune import held_out_losses
from ..system.progress import progress_bar, waiting
from .options import add_base, open_base, open_texts, write_and_show

WINDOWS, LENGTH = 16, 128  # of the held-out text


def add(commands):
    parser = commands.add_parser(
        "doctor",
        help="what is wrong with an adapter, why it matters, and what to do",
        description="Examine an adapter in PEFT's form, also one that no model would load, with "
        "its base or without. Exit status: 0 for a sound one (it may have notes), 1 for one with "
        "something wrong or doubtful, 2 where there is no adapter to read.",
    )
    parser.add_argument("adapter", metavar="ADAPTER", help="the adapter's directory")
    add_base(parser, why="the package's own if the adapter fits it, else none")
    asked = "measure on it what halving the intruders does (needs a base)"
    parser.add_argument("--data", metavar="code|prose|FILE|FOLDER", help=asked)
    parser.add_argument("--plot", metavar="FILE", help="draw every layer's change and directions")
    return parser


def run(options):
    files = read_adapter_files(options.adapter)
    model, tokenizer = open_base(options.base)
    if options.base is None and not belongs(files, model):
        model = None
        if options.data:
            raise ValueError("--data needs the adapter's base: name it with --base PATH")
    with progress_bar(None, len(files.layers), 0, "layer") as bar:
        numbers = examine(files, model and model.freeze(), lambda names: counted(names, bar))
    if options.data:
        numbers["halved"] = measured(options, model, tokenizer, numbers["layers"])
    if options.plot:
        from ..analysis.doctor_plot import picture
        from ..analysis.plots import save

        save(picture(numbers).figure, options.plot)
    write_and_show(options, numbers, screen(numbers, options))
    return 0 if numbers["sound"] else 1


def belongs(files, model):
    """Whether an adapter fits a layer of `model`; one of a kind without A, B or l: all of it."""
    if files.layers:
        return bool(fits(files, dict(model.linears())))
    try:
        load_adapter(model.freeze(), files.directory)
    except ValueError:
        return False
    return True


def measured(options, model, tokenizer, layers):
    """{how: {text: held-out loss, nats a token}}, with the intruders as they are, and halved."""
    reading, others = open_texts(options.data, tokenizer)
    hows = halved(load_adapter(model, options.adapter), model, layers)
    with waiting("measuring held-out losses"):
        return {
            how: held_out_losses([reading, *others], WINDOWS, LENGTH, False, each)
            for how, each in hows.items()
        }


def counted(names, bar):
    for name in names:
        yield name
        bar.update()


def screen(numbers, options):
    base = options.base or "the package's own"
    if not numbers["base"]:
        base = "none given: --base PATH adds each layer's change, intruders and the cost of merging"
    lines = [numbers["what"], *([numbers["law"]] if numbers["law"] else []), f"base: {base}"]
    lines += table(numbers["layers"])
    for found in numbers["findings"]:
        lines += ["", f"{found['level'].upper()} ({found['code']}): {found['what']}"]
        lines += [f"  why: {found['why']}", f"  do:  {found['do']}"]
    if "halved" in numbers:
        texts = list(numbers["halved"]["base alone"])
        lines += ["", f"{'held-out loss, nats a token':<28}" + "".join(f"{t:>12}" for t in texts)]
        for how, losses in numbers["halved"].items():
            lines.append(f"{how:<28}" + "".join(f"{losses[text]:>12.3f}" for text in texts))
    serious = sum(found["level"] != "note" for found in numbers["findings"])
    verdict = "sound: nothing to mend"
    if serious:
        verdict = f"{serious} finding{'s' * (serious > 1)} to mend"
    return "\n".join([*lines, "", verdict])


def table(layers):
    """A line a layer; then what storing the merged weights costs."""
    if not any(layers.values()):
        return []
    head = f"{'layer':<28}{'rank':>5}{'works':>6}{'99 %':>6}{'|s*dW|/|W|':>12}"
    lines = ["", f"{head}{'intruders':>11}{'halved':>8}"]
    for name, each in layers.items():
        cells = [(each.get(key, "-"), width) for key, width in COLUMNS]
        lines.append(f"{name:<28}" + "".join(f"{number(value):>{width}}" for value, width in cells))
    measured = [each["merged"] for each in layers.values() if each.get("merged")]
    if measured:
        costs = ", ".join(f"{form} {middle(measured, form):.2g}" for form in FORMS)
        lines += ["", f"stored after merging, the middle layer loses of its change: {costs}"]
    return lines


COLUMNS = (("rank", 5), ("works", 6), ("most", 6), ("change", 12), ("intruders", 11), ("halved", 8))


def number(value):
    if isinstance(value, list):
        return len(value)
    return f"{value:.4f}" if isinstance(value, float) else value
