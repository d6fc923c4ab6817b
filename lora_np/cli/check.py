"""python -m lora_np check: somebody's LoRA held against the laws."""

import importlib
import importlib.util
import re
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
    if len(report.not_applicable) == len(report.outcomes):
        raise ValueError(f"no law could be tried on {options.subject}: most need make and forward")
    return 1 if report.broken else 0


def open_subject(path):
    """The subject at "module:name", "file.py:name", or the module itself.

    Raises: ValueError where there is none; whatever the module raises when it is imported.
    """
    module, name = re.fullmatch(r"(.*?)(?::([\w.]+))?", path).groups()  # C:\my.py has a colon too
    file = Path(module)
    if file.suffix == ".py" and not file.is_file():
        raise ValueError(f"there is no file {file}")
    if file.is_file() and file.suffix != ".py":
        raise ValueError(f"{file}: expected a file of Python, .py, or the name of a module")
    sys.path.insert(0, str((file.parent if file.is_file() else Path()).absolute()))
    subject = from_file(file) if file.is_file() else importlib.import_module(module)
    for part in filter(None, (name or "").split(".")):
        if not hasattr(subject, part):
            raise ValueError(f"{module} has no {part}{did_you_mean(part, dir(subject))}")
        subject = getattr(subject, part)
    return subject


def from_file(file):
    """The module in a file, also one whose name another module has, as random.py."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)
    spec.loader.exec_module(module)
    return module
