"""What a newcomer types, in every surrounding that this machine can give, and a table of it.

    python tests/robustness/surroundings.py [NAME …] [--without COMMAND …]

The commands run one after the other, and the adapter and the merged model must be, byte for byte,
those of plain surroundings. Exit status 1: something failed. LOCPATH, a variable of glibc, names a
folder with locales by localedef. Root runs as a user without a name what one without rights meets.
"""

import argparse
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = "Grüße: ein Text, naïve, İstanbul ılık.\n\nΔW = A·B, eight words stand here.\n\n"
NOBODY = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]  # no user has this id
FINETUNE = "finetune --data text.txt --steps 2 --batch-size 2 --length 16 --windows 2 --out"
LAW = "each_row_is_its_own"
# name: (arguments, the right exit status, what has to be printed)
COMMANDS = {
    "worked_example": (["-m", "lora_np.worked_example"], 0, "0.43"),
    "tour": ([], 0, "0.43"),
    "finetune": ([*FINETUNE.split(), "{out}/ad"], 0, "ad"),
    "generate": (["generate", "--prompt", "naïve", "--adapter", "{out}/ad"], 0, "na"),
    "inspect": (["inspect", "{out}/ad"], 0, "rank"),
    "merge": (["merge", "--adapter", "{out}/ad", "--out", "{out}/whole"], 0, "whole"),
    "load": (["generate", "--base", "{out}/whole", "--tokens", "8"], 0, "The "),
    "grade": (["grade", "{root}/notebooks/solutions/01_worked_example.ipynb"], 0, "right"),
    "check": (["check", "lora_np.conformance.ours:LORA", "--law", LAW], 0, "hold"),
    "site": (["site", "--serve", "nowhere"], 2, "no built site"),
    "chat": (["chat", "--base", "nowhere.gguf", "--prompt", "hello"], 2, "nowhere.gguf"),
}  # fmt: skip
MADE = ("ad/adapter_model.safetensors", "whole/model.safetensors")


@dataclass
class Surroundings:
    """What differs from plain: variables (None: unset), Python's options, words before Python."""

    variables: dict = field(default_factory=dict)
    options: list = field(default_factory=list)
    before: list = field(default_factory=list)
    folder: str = "plain"  # where one is, with a text
    copied: bool = False  # the project lies in that folder, too, and cannot be written to
    mode: int = 0o777  # of that folder


def locale(name, **more):
    return Surroundings({"LC_ALL": name, "PYTHONUTF8": "0", **more})


NAMELESS = [] if os.geteuid() else NOBODY
EVERY = {
    "plain": Surroundings(),
    "C, and no UTF-8": locale("C", PYTHONCOERCECLOCALE="0"),
    **{name: locale(name) for name in ("C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8")},
    "ASCII output": Surroundings({"PYTHONIOENCODING": "ascii"}),
    "time zone": Surroundings({"TZ": "Asia/Kathmandu"}),
    "no HOME": Surroundings({"HOME": None}),
    "HOME missing": Surroundings({"HOME": "/nonexistent"}),
    "no TERM": Surroundings({"TERM": None}),
    "stdin closed": Surroundings(before=["sh", "-c", 'exec "$@" <&-', "sh"]),
    "python -OO": Surroundings({"PYTHONOPTIMIZE": "2"}),
    "python -I": Surroundings(options=["-I"]),  # as installed, for PYTHONPATH does not count
    "python -W error": Surroundings({"PYTHONWARNINGS": "error"}),
    "python -X dev": Surroundings(options=["-X", "dev"]),
    "spaces, umlauts": Surroundings(folder="Größe mit  Raum 'ü' %20", copied=True),
    "no name, no HOME": Surroundings({"HOME": None}, before=NAMELESS),
    "read-only install": Surroundings(copied=True, before=NAMELESS),
    "read-only folder": Surroundings(mode=0o555, before=NAMELESS),
}


def prepare(here, top):
    """(the project, where one is, where --out lies), made for these surroundings."""
    folder, out, root = top / here.folder, top / here.folder / "out", ROOT
    out.mkdir(parents=True)
    (folder / "text.txt").write_text(TEXT * 12, encoding="utf-8")
    (top / "sitecustomize.py").write_text("import locale\nlocale.setlocale(locale.LC_ALL, '')\n")
    if here.copied:
        root = folder / "project"
        for name in ("lora_np", "notebooks/solutions"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in [root, *root.rglob("*")]:
            path.chmod(path.stat().st_mode & ~0o222)
    for path, mode in [(top, 0o755), (folder, here.mode), (out, 0o777)]:
        path.chmod(mode)
    return root, folder, out


def failures(here, name, commands, top):
    """The names of the commands that fail, or why these surroundings cannot be had; and digests."""
    root, folder, out = prepare(here, top)
    given = {"PYTHONPATH": f"{top}{os.pathsep}{root}", "OPENBLAS_NUM_THREADS": "1"}
    variables = {**os.environ, **given, "PYTHONDONTWRITEBYTECODE": "1", **here.variables}
    how = {"env": {k: v for k, v in variables.items() if v is not None}, "cwd": folder}

    def answer(*words):
        command = [*here.before, sys.executable, *here.options, *words]
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, **how)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    status, said = answer("-c", "import lora_np; print(ascii(lora_np.__file__))")
    if status or ascii(str(root))[1:-1] not in said or "Error" in said:
        return ["not here: " + said.strip()[-150:].replace("\n", " ")], None
    failed = []
    for short in commands:
        words, right, needed = COMMANDS[short]
        words = words if words[:1] == ["-m"] else ["-m", "lora_np", *words]
        status, said = answer(*(word.format(out=out, root=root) for word in words))
        if status != right or needed not in said or re.search(r"Traceback|Warning\b", said):
            failed.append(short)
            print(f"--- {name}: {short}, exit status {status}\n{said[-1500:]}", flush=True)
    made = [(out / each).read_bytes() for each in MADE if (out / each).exists()]
    for path in [folder, *folder.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)  # so that they can be deleted
    return failed, [hashlib.sha256(each).hexdigest() for each in made]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(EVERY))
    parser.add_argument("--without", nargs="+", default=[], choices=COMMANDS)
    options, plain, rows, bad = parser.parse_args(), None, [], False
    commands = [name for name in COMMANDS if name not in options.without]
    for name in dict.fromkeys(["plain", *(options.names or EVERY)]):
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as made:
            failed, files = failures(EVERY[name], name, commands, pathlib.Path(made))
        plain = plain or files
        if files not in (None, plain):
            failed.append("other bytes than in plain surroundings")
        bad |= bool(failed) and files is not None
        said = ", ".join(failed) or "all hold"
        rows.append(f"{name:20}{time.perf_counter() - start:>6.0f} s  {said}")
        print(rows[-1], flush=True)
    print("", *rows, sep="\n")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
