"""What the subcommands share."""

import json
import pathlib
import sys

from threadpoolctl import threadpool_limits

from ..checkpoint import load_base, load_gpt2, load_tokenizer
from ..files import whole_file
from ..tasks import text
from ..train import reuse_memory


def prepare():
    """Keep freed memory, and do matrix products on one thread, for the rest of this process.

    At these sizes a second thread gains little, and where other programs want the processor too,
    the threads wait for one another: a step can take eight times as long.
    """
    reuse_memory()
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


def open_model(directory):
    """(the GPT in `directory`, its tokenizer), or the base that comes with the package.

    A model over 257 tokens reads bytes; any other brings its tokenizer's files.
    """
    model = load_base() if directory is None else load_gpt2(directory)
    if model.config.vocab_size == text.VOCABULARY:
        return model, text.Bytes
    return model, load_tokenizer(directory)


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
