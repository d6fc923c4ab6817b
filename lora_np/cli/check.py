"""python -m lora_np check: somebody's LoRA held against the laws."""

import importlib
import sys
from pathlib import Path

from ..system.hints import did_you_mean
from .options import write_and_show


def add(commands):
    parser = commands.add_parser(
        "check",
        help="hold a LoRA layer of your own, or a library's, against the laws",
        description="Try every law that applies to a subject: functions on arrays that make a "
        "layer, call it, merge it and so on, which `lora_np.conformance` lists. It imports, and so "
        "runs, the module. Exit status: 0 if no law breaks, 1 if one does.",
    )
    what = "a module (or a file, my_lora.py) of those functions, or something in it"
    parser.add_argument("subject", metavar="MODULE[:SUBJECT]", help=what)
    parser.add_argument("--law", nargs="+", metavar="NAME", help="these laws alone")
    return parser


def run(options):
    from ..conformance import check

    report = check(open_subject(options.subject), options.law)
    write_and_show(options, report.as_numbers(), str(report))
    return 1 if report.broken else 0


def open_subject(path):
    """The subject at "module:name", "file.py:name", or the module itself.

    Raises: ValueError where there is none; whatever the module raises when it is imported.
    """
    module, _, name = path.partition(":")
    file = Path(module)
    folder, dotted = (file.parent, file.stem) if file.suffix == ".py" else (Path(), module)
    if file.suffix == ".py" and not file.is_file():
        raise ValueError(f"there is no file {file}")
    sys.path.insert(0, str(folder.absolute()))
    subject = importlib.import_module(dotted)
    for part in filter(None, name.split(".")):
        if not hasattr(subject, part):
            raise ValueError(f"{dotted} has no {part}{did_you_mean(part, dir(subject))}")
        subject = getattr(subject, part)
    return subject
