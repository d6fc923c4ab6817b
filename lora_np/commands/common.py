"""What the subcommands share."""

import json
import pathlib
import sys

from threadpoolctl import threadpool_limits

from ..checkpoint import load_adapter, load_model
from ..files import whole_file
from ..tasks import text
from ..train import reuse_memory


def prepare(base=None):
    """Keep freed memory, and for the package's base (None) do matrix products on one thread.

    At its size a second thread gains little, and where other programs want the processor too,
    the threads wait for one another: a step can take eight times as long.
    """
    reuse_memory()
    if base is None:
        threadpool_limits(1)


def positive(string):
    """argparse's type for a whole number from 1."""
    number = int(string)
    if number < 1:
        raise ValueError
    return number


positive.__name__ = "whole number from 1"  # argparse says: invalid … value


def open_text(name, tokenizer):
    """The Text called `code` or `prose`, or else the file of that name."""
    known = {"code": text.code, "prose": text.prose}
    return known[name](tokenizer) if name in known else text.file(name, tokenizer)


def add_base(parser, default=None):
    """The option that says which model: load_model's `where`."""
    parser.add_argument("--base", default=default, metavar="PATH",
                        help="smollm2, a GGUF file, or a directory in Hugging Face's form "
                        f"(default: {default or 'the package' + chr(39) + 's own'})")  # fmt: skip


def add_adapter(parser):
    """The options of whatever uses a model, perhaps with an adapter: see open_adapted."""
    parser.add_argument("--adapter", metavar="DIR", help="what finetune --out wrote, or PEFT")
    parser.add_argument("--nf4", action="store_true", help="hold the base in 4 bits, as QLoRA does")


def open_adapted(options):
    """(the base that the options name, with their adapter; its tokenizer), to use as it is."""
    model, tokenizer = load_model(options.base, options.nf4)
    model.freeze()
    return load_adapter(model, options.adapter) if options.adapter else model, tokenizer


def make_directory(path):
    """`path` as a directory that exists; made before the work, so that the work is not lost."""
    path = pathlib.Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ValueError(f"--out {path}: expected a directory, found a file") from None
    return path


def write_json(path, numbers):
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def show(options, numbers, screen):
    """Print `screen`, in ASCII where the console has no more, or `numbers` as JSON if asked to."""
    if options.json:
        print(json.dumps(numbers, indent=1))
        return
    try:
        screen.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        for symbol, plain in {"±": "+-", "“": '"', "”": '"', "…": "...", "‖": "||"}.items():
            screen = screen.replace(symbol, plain)
    print(screen)
