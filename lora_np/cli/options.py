"""What the subcommands share."""

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np

from ..checkpoint import load_adapter, load_model
from ..checkpoint.adapter import CONFIG, MODEL
from ..system.checks import check_real, check_whole
from ..system.files import make_directory, to_json, whole_file, write_json
from ..system.hints import command, did_you_mean
from ..system.progress import waiting
from ..tasks import text

PLAIN = str.maketrans({"±": "+-", "“": '"', "”": '"', "…": "...", "‖": "||", "α": "alpha",
                       "√": "sqrt ", "Δ": "d"})  # fmt: skip


def number(what, read, check):
    """argparse's type for a string that `read` reads and `check` does not refuse."""

    def parse(string):
        try:
            value = read(string)
            check(what, value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected a {what}, got {string!r}") from None
        return value

    parse.__name__ = what
    return parse


def whole(least):
    """argparse's type for a whole number from `least`."""
    return number(f"whole number from {least}", int, lambda *it: check_whole(*it, least))


def real(which="from 0"):
    """argparse's type for a number that is `which` of `system.checks.REAL`."""
    return number(f"finite number {which}".rstrip(), float, lambda *it: check_real(*it, which))


positive = whole(1)


def again(options, *more):
    """The command that was typed, to type again, with `more`."""
    return command(*options.typed, *(word for word in more if word not in options.typed))


def keeps_nothing(options):
    """What Ctrl-C left of a command: what main says of one that has no better word."""
    return f"Nothing is kept; again with: {again(options)}"


def add_texts(parser):
    """The options that open_texts reads."""
    read = "what to read (default code: Python's standard library)"
    form = "how a text of your own is read (default: as it looks)"
    field = "what JSONL's text is called, or its prompt and its answer (default text, or prompt "
    field += "completion, or messages)"
    parser.add_argument("--data", default="code", metavar="code|prose|FILE|FOLDER|-", help=read)
    parser.add_argument("--form", choices=("paragraphs", "lines", "jsonl"), help=form)
    parser.add_argument("--field", nargs="+", metavar="NAME", help=field)


def digest_of(texts, model=None):
    """What differs, in 16 characters, where the numbers of Texts, or of a model, do."""
    digest = hashlib.sha256()
    for parameter in model.parameters() if model else ():
        digest.update(parameter.data.tobytes())
    for each in texts:
        digest.update(each.train.tobytes())
        digest.update(each.held_out.tobytes())
    return digest.hexdigest()[:16]


def open_texts(name, tokenizer, form=None, field=None):
    """(what to read: `code`, `prose` or a text of one's own; the Texts that may be forgotten)."""
    known = {"code": text.code, "prose": text.prose}
    if name in known and (form or field):
        raise ValueError(f"--form and --field are of a text of your own, not of --data {name}")
    if name in known:
        reading = known[name](tokenizer)
    else:
        field = field[0] if field and len(field) == 1 else field and tuple(field)
        if name != "-" and not Path(name).exists() and (near := did_you_mean(name, known)):
            raise ValueError(f"--data {name}: No such file or folder{near}")
        reading = text.file(name, tokenizer, form or "auto", field)
    return reading, [] if name == "prose" else [text.prose(tokenizer)]


def add_base(parser, default=None, why=None):
    parser.add_argument(
        "--base",
        default=default,
        metavar="PATH",
        help="smollm2, a GGUF file, or a directory in Hugging Face's form "
        f"(default: {why or default or 'the package' + chr(39) + 's own'})",
    )


def add_adapter(parser, required=False):
    """The options that open_adapted reads."""
    wrote = "what finetune --out wrote, PEFT or mlx-lm; or a GGUF file"
    parser.add_argument("--adapter", metavar="PATH", required=required, help=wrote)
    parser.add_argument("--nf4", action="store_true", help="hold the base in 4 bits, as QLoRA does")


def add_sampling(parser, tokens, temperature):
    """The options that `sampling` reads, with a command's usual values."""
    option, likeliest = parser.add_argument, "0 takes the likeliest token (default %(default)s)"
    fits = f"how many at most (default {tokens}, or what still fits)"
    option("--tokens", type=positive, help=fits)
    parser.set_defaults(usual_tokens=tokens)
    option("--temperature", type=real(), default=temperature, help=likeliest)
    option("--top-p", type=real("above 0, up to 1"), default=0.95, help="default %(default)s")


def add_experiment(parser, names, seeds, quick, default="", **several):
    """Which of the experiments `names`, over how many seeds, and whether a short one."""
    option, which = parser.add_argument, "one of: " + ", ".join(names) + default
    option("experiment", choices=names, metavar="EXPERIMENT", help=which, **several)
    option("--seeds", type=positive, help=f"how many (default {seeds})")
    option("--quick", action="store_true", help=quick)
    parser.set_defaults(usual_seeds=seeds)


def seeds_of(options, *others):
    """--seeds, or the usual number. Raises: ValueError for what --quick would ignore: it takes one
    seed, and none of the options `others`."""
    given = [name for name in ("seeds", *others) if getattr(options, name) is not None]
    if options.quick and given:
        raise ValueError(f"--quick takes no --{given[0]}; leave one of the two out")
    return 1 if options.quick else options.seeds or options.usual_seeds


def sampling(options):
    """What add_sampling's options say to generate, stream and reply."""
    rng = np.random.default_rng(options.seed)
    return {"temperature": options.temperature, "top_p": options.top_p, "rng": rng}


def how_many(options, model, prompt):
    """--tokens; by default the usual number, or as many as fit behind a prompt of that length."""
    fits = max(1, model.config.n_positions - prompt)
    return options.tokens or min(options.usual_tokens, fits)


def open_base(base, nf4=False):
    """(the base, its tokenizer), with a word on a model that takes long to read."""
    path = Path(base or ".")
    if base not in (None, "smollm2") and not path.exists():
        near = did_you_mean(base, ["smollm2"]) or ", and nothing is downloaded"
        raise ValueError(f"--base {base}: there is no such file or folder{near}")
    if base and holds(base, CONFIG, MODEL):
        raise ValueError(f"--base {base} is an adapter: give it as --adapter {base}")
    with waiting(f"reading {base or 'the base'}"):
        return load_model(base, nf4)


def holds(folder, this, that):
    """Whether the first of two files is in a folder, and the second is not."""
    return (Path(folder) / this).is_file() and not (Path(folder) / that).is_file()


def open_adapted(options):
    """(the base that the options name, with their adapter; its tokenizer), to use as it is."""
    if options.adapter and holds(options.adapter, MODEL, CONFIG):
        raise ValueError(
            f"--adapter {options.adapter} is a model of its own: give it as --base "
            f"{options.adapter}"
        )
    model, tokenizer = open_base(options.base, options.nf4)
    model.freeze()
    return load_adapter(model, options.adapter) if options.adapter else model, tokenizer


def show(options, numbers, screen):
    """Print `screen`, in ASCII where the console has no more, or `numbers` as JSON if asked to."""
    if options.json:
        print(to_json(numbers))
        return
    try:
        screen.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        screen = screen.translate(PLAIN)
    print(screen)


def write_texts(folder, texts):
    """Write {name: text} into `folder`, which is made; a name may have folders of its own."""
    for name, content in texts.items():
        path = make_directory(folder) / name
        make_directory(path.parent)
        with whole_file(path) as temporary:
            temporary.write_text(content, encoding="utf-8", errors="replace")  # half a character


def write_and_show(options, numbers, screen):
    """`show`; with --out, `numbers` are written there first."""
    if options.out:
        write_json(options.out, numbers)
    show(options, numbers, screen)
