"""Wheels without what a lesson never loads, so that the first visit is a smaller download.

They were held to their hashes before; the lock beside them states those of what is left.
"""

import json
import re
import zipfile

import pyodide

UNUSED = {  # by the package's name in the lock
    "matplotlib": r"mpl-data/(sample_data|images|fonts/(afm|pdfcorefonts))/|DejaVuSerif"
    r"|DejaVuSansMono-|/tests/|web_backend/|_tkagg|\.pyi$",
    "numpy": r"/tests/|/include/|/f2py/|\.pyi$|\.a$",
    "fonttools": r"\.pyx$|\.data/",
    "jedi": r"django-stubs",
    "anywidget": r"labextension",  # the page's part, which Lite has
}


def lighten(folder):
    """Rewrite the wheels of UNUSED in a folder of Pyodide; the bytes that this saves."""
    lock_file = folder / "pyodide-lock.json"
    lock, saved = json.loads(lock_file.read_text("utf-8")), 0
    for name, pattern in UNUSED.items():
        entry = lock["packages"][name]
        path = folder / entry["file_name"]
        before = path.stat().st_size
        rewrite(path, re.compile(pattern))
        saved += before - path.stat().st_size
        entry["sha256"] = pyodide.sha256(path)
    lock_file.write_text(json.dumps(lock, indent=1) + "\n", "utf-8")
    return saved


def rewrite(path, unused):
    """The wheel at `path` without the files whose name `unused` finds; the order stays."""
    lighter = path.with_suffix(".part")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(lighter, "w") as new:
        for info in old.infolist():
            if not unused.search(info.filename):
                new.writestr(info, old.read(info), zipfile.ZIP_DEFLATED, compresslevel=9)
    lighter.replace(path)
