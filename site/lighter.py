"""Wheels without what a lesson never loads, and compiled: a smaller first visit, a faster start.

They were held to their hashes before; the lock beside them states those of what is left.
"""

import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path, PurePosixPath

import pyodide

COMPILE = Path(__file__).resolve().parent / "tools" / "compile.mjs"
UNUSED = {  # by the package's name in the lock
    "matplotlib": r"mpl-data/(sample_data|images|fonts/(afm|pdfcorefonts))/|DejaVuSerif"
    r"|DejaVuSansMono-|/tests/|web_backend/|_tkagg|\.pyi$",
    "numpy": r"/tests/|/include/|/f2py/|\.pyi$|\.a$",
    "fonttools": r"\.pyx$|\.data/",
    "jedi": r"django-stubs|typeshed/third_party/|typeshed/stdlib/2/",
    "pygments": r"lexers/(?!__init__|_mapping|python|bash|shell|html|css|web|jvm|javascript|"
    r"markup|perl|ruby|special|text|data|scripting|_)|lexers/_(?!_init_|mapping)",
    "anywidget": r"labextension",  # the page's part, which Lite has
}
LATER = {"matplotlib": {"fonttools"}}  # for PDF files alone: `import fontTools` loads it
SHOWN = "lora_np/"  # the lessons show its sources, so they stay beside what is compiled
# and read those of Python's own library: in a zip, Python takes a .pyc before the .py beside it.


def lighten(folder, work):
    """Rewrite the wheels in a folder of Pyodide; the bytes that this saves. `work` may go after."""
    shutil.rmtree(work, ignore_errors=True)
    subprocess.run(["node", COMPILE, folder, work], check=True)
    lock_file = folder / "pyodide-lock.json"
    lock, saved = json.loads(lock_file.read_text("utf-8")), 0
    for name, entry in lock["packages"].items():
        path = folder / entry["file_name"]
        before = path.stat().st_size
        rewrite(path, re.compile(UNUSED.get(name, "^$")), work)
        saved += before - path.stat().st_size
        entry["sha256"] = pyodide.sha256(path)
        entry["depends"] = [each for each in entry["depends"] if each not in LATER.get(name, ())]
    library = folder / "python_stdlib.zip"
    before = library.stat().st_size
    rewrite(library, re.compile("^$"), work / "stdlib", keep="")
    saved += before - library.stat().st_size
    lock_file.write_text(json.dumps(lock, indent=1) + "\n", "utf-8")
    return saved


def rewrite(path, unused, compiled, keep=SHOWN):
    """The archive at `path` without the files whose name `unused` finds, the others in their order.

    What the folder `compiled` has takes its source's place; where a name begins with `keep`, both
    stay.
    """
    lighter = path.with_suffix(".part")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(lighter, "w") as new:

        def put(name, data):
            info = zipfile.ZipInfo(name)  # without a date: the same bytes from the same files
            new.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=9)

        for name in old.namelist():
            code = compiled / f"{name}c"
            if unused.search(name) or name.endswith("/"):
                continue
            if not code.exists() or name.startswith(keep):
                put(name, old.read(name))
            if code.exists():
                put(
                    beside(name) if keep and name.startswith(keep) else f"{name}c",
                    code.read_bytes(),
                )
    lighter.replace(path)


def beside(name):
    """Where Python looks for what is compiled of a source that is there."""
    path = PurePosixPath(name)
    return str(path.parent / "__pycache__" / f"{path.stem}.cpython-314.pyc")
