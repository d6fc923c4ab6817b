"""`lite/`: every lesson's student form and every exercise, live, by JupyterLite on Pyodide.

The folders that a notebook sees are the site's: lessons/, exercises/, and benchmarks/results/ with
the stored runs that some lessons read.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import nbformat

import pyodide
from lighter import lighten
from places import LINK, ROOT, exercises, lessons, page_of

HERE = Path(__file__).resolve().parent
APPS = ("notebooks", "tree", "edit")
KERNEL = "@jupyterlite/pyodide-kernel-extension:kernel"
LESSONS = ("lora-np", "matplotlib", "pydoc-data", "anywidget")  # what lessons need, loaded at once
KERNELS = ("micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython")
CHECKERS = ("hypothesis", "nbformat")  # what exercises need, when one is opened
EXTENSION = "extensions/@jupyterlite/pyodide-kernel-extension/static"
OF_EXTENSION = ("piplite", "ipykernel", "pyodide_kernel")  # it brings these wheels itself
CHECKS = "import hypothesis, nbformat  # the browser fetches what checks your answers"
WORKER_CHANGES = {  # of JupyterLite's service worker, which keeps what a visit loads
    "t.match(e)": "t.match(e,{ignoreSearch:!0})",  # a kept file is found as x?_=1
    # nothing kept is fetched again, 28 MB at each visit, before the site has changed
    "let a=await fromCache(t);return a?e.waitUntil(refetch(t)):": "await current();"
    "let a=await fromCache(t);return a||",
}
UNUSED = (  # of JupyterLab, where lessons and exercises need no such thing: a second less to start
    "debugger", "extensionmanager", "htmlviewer", "imageviewer", "javascript", "json", "lsp",
    "markdownviewer", "mermaid", "pdf", "settingeditor", "vega5",
)  # fmt: skip
OF_LSP = (  # plugins that would ask for it
    "@jupyterlab/notebook-extension:language-server",
    "@jupyterlite/application-extension:lsp-connection-manager",
)
CONFIG = {
    "jupyter-lite-schema-version": 0,
    "jupyter-config-data": {
        "appName": "lora_np",
        "appUrl": "./tree",
        "faviconUrl": "../_static/icon.svg",
        "contentsStorageName": "lora_np",
        "enableServiceWorkerCache": True,  # for the visits without a network
        "exposeAppInBrowser": True,  # for the tests
        "showLoadingIndicator": True,
        "disabledExtensions": [*(f"@jupyterlab/{name}-extension" for name in UNUSED), *OF_LSP],
        "litePluginSettings": {
            KERNEL: {
                "pyodideUrl": "./static/pyodide/start.mjs",
                "disablePyPIFallback": True,
                "loadPyodideOptions": {"packages": LESSONS + KERNELS},
            }
        },
    },
}
SETTINGS = {
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "defer"},
}


def build(out, work, wheels):
    """Make the folder `out`; yields what was done. `wheels`: see `pyodide.assemble`."""
    folder = work / "lite"
    shutil.rmtree(folder, ignore_errors=True)
    write_contents(folder / "content")
    (folder / "jupyter-lite.json").write_text(json.dumps(CONFIG), "utf-8")
    (folder / "overrides.json").write_text(json.dumps(SETTINGS), "utf-8")
    options = ["--lite-dir", folder, "--output-dir", out, "--contents", folder / "content"]
    options += ["--no-sourcemaps", "--no-unused-shared-packages", "--no-libarchive"]
    for app in APPS:
        options += ["--apps", app]
    run("-m", "jupyter", "lite", "build", *options, cwd=folder)
    trim(out)
    yield "JupyterLite"
    stand_in = {"__init__.py": "", "numpy.py": (HERE / "safetensors_numpy.py").read_text("utf-8")}
    own = [own_wheel(work), pyodide.made_of(work, "safetensors", stand_in)]
    own += [next(out.glob(f"{EXTENSION}/pypi/{name}-*.whl")) for name in OF_EXTENSION]
    wanted = LESSONS[1:] + KERNELS + CHECKERS
    made = pyodide.assemble(out / "static" / "pyodide", wanted, own=own, wheels=wheels)
    origins = sorted({each.origin for each in made})
    saved = lighten(out / "static" / "pyodide", work / "compiled")
    start_early(out)
    yield f"Pyodide {pyodide.VERSION}, {len(made)} wheels: " + "; ".join(origins)
    yield f"{saved / 1e6:.1f} MB less: what no lesson loads is out, the rest is compiled"


def write_contents(folder):
    """The files that the notebooks see, and those that their links open."""
    linked = set()
    for path in lessons():
        notebook = nbformat.read(path.parent / "student" / path.name, as_version=4)
        put(folder / "lessons" / path.name, notebook, f"notebooks/student/{path.name}", linked)
    for path in exercises():
        notebook = nbformat.read(path, as_version=4)
        cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
        cell.source = f"{CHECKS}\n{cell.source}"
        put(folder / "exercises" / path.name, notebook, f"notebooks/exercises/{path.name}", linked)
    for file in linked:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    shutil.copytree(ROOT / "benchmarks" / "results", folder / "benchmarks" / "results")


def put(path, notebook, file, linked):
    """Write a notebook with its links to files beside it; adds to `linked` those to copy there."""

    def link(found):
        there = os.path.normpath(PurePosixPath(file).parent / found[2]).replace(os.sep, "/")
        page = page_of(there)
        if page is None or page.endswith("index.md"):
            return found[1]
        if not page.endswith(".ipynb"):
            linked.add(page := there)
        return f"[{found[1]}]({os.path.relpath(page, path.parent.name)}{found[3] or ''})"

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(link, cell.source)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(notebook), "utf-8")


def own_wheel(work):
    """A wheel of the package as it is here."""
    source, made = work / "package", work / "wheel"
    for folder in (source, made):
        shutil.rmtree(folder, ignore_errors=True)
    compiled = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lora_np", source / "lora_np", ignore=compiled)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ("--quiet", "--no-deps", "--no-build-isolation")
    run("-m", "pip", "wheel", *options, "--wheel-dir", made, source)
    return next(made.glob("*.whl"))


def trim(out):
    """Take away what no page asks for, and give each app the site's icon."""
    unused = "**/*.map **/*.d.ts **/third-party-licenses.json rspack.* package.json *.db"
    for path in [path for pattern in unused.split() for path in out.glob(pattern)]:
        path.unlink()
    worker = (out / "service-worker.js").read_text("utf-8")
    for old, new in WORKER_CHANGES.items():
        if old not in worker:
            raise ValueError("JupyterLite's service worker has changed: see WORKER_CHANGES")
        worker = worker.replace(old, new)
    current = (HERE / "kernel" / "current.js").read_text("utf-8")
    (out / "service-worker.js").write_text(current + worker, "utf-8")
    for page in [out / "index.html", *out.glob("*/index.html")]:
        icon = os.path.relpath(out.parent / "_static" / "icon.svg", page.parent)
        text = page.read_text("utf-8").replace("<head>", f'<head><link rel="icon" href="{icon}">')
        page.write_text(text, "utf-8")


def start_early(out):
    """Let Python's worker start with the page and not after it, and load all it needs at once."""
    start = (HERE / "kernel" / "start.mjs").read_text("utf-8")
    packages = f"const packages = {json.dumps(LESSONS + KERNELS)};"
    text = start.replace("const packages = []; // the build writes them here", packages)
    (out / "static" / "pyodide" / "start.mjs").write_text(text, "utf-8")
    (worker,) = out.glob(f"{EXTENSION}/comlink.worker.*.js")
    begin = 'import(new URL("../../../../static/pyodide/start.mjs", import.meta.url));\n'
    worker.write_text(begin + worker.read_text("utf-8"), "utf-8")
    early = (HERE / "kernel" / "early.js").read_text("utf-8")
    early = early.replace("WORKER", f"../{EXTENSION}/{worker.name}")
    page = out / "notebooks" / "index.html"
    text = page.read_text("utf-8").replace("<head>", f"<head><script>\n{early}</script>", 1)
    page.write_text(text, "utf-8")


def run(*words, cwd=None):
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=cwd, capture_output=True, text=True
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-3000:]
        raise ValueError(f"python {' '.join(map(str, words[:4]))} failed:\n{said}")
