"""python -m lora_np check: somebody's LoRA held against the laws."""

import importlib
import importlib.util
import re
import sys
import traceback
from pathlib import Path

from ..system.hints import did_you_mean
from .options import write_and_show


def add(commands):
    parser = commands.add_parser(
        "check",
        help="hold a LoRA layer of your own, or a library's, against the laws",
        description="Try every law that applies to a subject: functions on arrays that make a "
        "layer, call it, merge it and so on, which `lora_np.conformance` lists. It imports, and so "
        "runs, the module. Exit status: 0 if no law breaks, 1 if one does, 2 where there is no "
        "subject to try.",
    )
    what = "a module (or a file, my_lora.py) of those functions, or something in it"
    parser.add_argument("subject", metavar="MODULE[:SUBJECT]", help=what)
    parser.add_argument(
        "--law",
        nargs="+",
        metavar="NAME",
        help="these laws alone, by the names that a report prints",
    )
    return parser


def run(options):
    from ..conformance import LAWS, check

    laws, words = options.law, " ".join(options.law or ())
    if any(law.statement == words for law in LAWS):  # one law's, without quotes
        laws = [words]
    report = check(open_subject(options.subject), laws)
    write_and_show(options, report.as_numbers(), str(report))
    if len(report.not_applicable) == len(report.outcomes):
        raise ValueError(f"no law could be tried on {options.subject}: most need make and forward")
    return 1 if report.broken else 0


def open_subject(path):
    """The subject at "module:name", "file.py:name", or the module itself.

    Raises: ValueError where there is none, or the module raises when it is imported.
    """
    module, name = re.fullmatch(r"(.*?)(?::([\w.]+))?", path).groups()  # C:\my.py has a colon too
    file = Path(module)
    if file.suffix == ".py" and not file.is_file():
        raise ValueError(f"there is no file {file}")
    if file.is_file() and file.suffix != ".py":
        raise ValueError(f"{file}: expected a file of Python, .py, or the name of a module")
    sys.path.insert(0, str((file.parent if file.is_file() else Path()).absolute()))
    subject = imported(module, file)
    for part in filter(None, (name or "").split(".")):
        if not hasattr(subject, part):
            raise ValueError(f"{module} has no {part}{did_you_mean(part, dir(subject))}")
        subject = getattr(subject, part)
    return subject


def imported(module, file):
    """The module in a file that is there, or of that name.

    Raises: ValueError that says where it stopped, whatever ended it; SystemExit would be a status.
    """
    try:
        return from_file(file) if file.is_file() else importlib.import_module(module)
    except (Exception, SystemExit) as error:
        where, text = place_of(error)
        if isinstance(error, ImportError) and not where:  # there is no module of that name
            raise
        said = str(error.msg if isinstance(error, SyntaxError) else error)
        what = f"{type(error).__name__}: {' '.join(said.split())[:300]}".rstrip(": ")
        line = f", in the line: {text.strip()[:80]}" if text else ""
        said = f"{where or repr(module)}: {what}{line}; it cannot be imported, no law was tried"
        raise ValueError(said) from error


def place_of(error):
    """("file, line 3", that line) where an import stopped: in the subject's folder if it was there,
    else where it was raised; two times "" if no file was read."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{error.filename}, line {error.lineno}", error.text or ""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_file()]
    python = Path(importlib.__file__).parent
    frames = [f for f in frames if f.filename != __file__ and Path(f.filename).parent != python]
    own = [f for f in frames if Path(f.filename).is_relative_to(sys.path[0])]
    own = [f for f in own if "site-packages" not in f.filename] or frames
    return (f"{own[-1].filename}, line {own[-1].lineno}", own[-1].line or "") if own else ("", "")


def from_file(file):
    """The module in a file, also one whose name another module has, as random.py."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(file.stem, module)
    spec.loader.exec_module(module)
    return module
