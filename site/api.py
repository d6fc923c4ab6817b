"""The pages of the API: one a folder of the package, with every module's public names."""

import importlib
import inspect
import pkgutil
import re

import lora_np
from places import ROOT

FOLDERS = (
    "nn methods quant objectives tasks train generation checkpoint tokenizers memory analysis "
    "recipes worked_example course"
).split()
SINGLE = ("gradcheck", "nano")


def write(folder):
    """Write index.rst, and a page for each of FOLDERS and SINGLE, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    captions = dict(
        re.findall(r"^\| `(\w+)/` \| (.*) \|$", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.M)
    )
    for name in FOLDERS:
        package, *others = modules(f"lora_np.{name}")
        text = heading(package, "=") + automodule(package) + "".join(map(module, others))
        (folder / f"{name}.rst").write_text(text, encoding="utf-8")
    for name in SINGLE:
        text = heading(f"lora_np.{name}", "=") + automodule(f"lora_np.{name}")
        (folder / f"{name}.rst").write_text(text, encoding="utf-8")
    (folder / "index.rst").write_text(index(captions), encoding="utf-8")


def modules(package):
    """The names of a package's modules that have something public; the package itself first."""
    found = importlib.import_module(package)
    names = [package]
    for info in pkgutil.walk_packages(found.__path__, package + "."):
        if not info.name.rpartition(".")[2].startswith("_"):
            names.append(info.name)
    return [name for name in names if not name.startswith(SKIPPED)]


SKIPPED = ("lora_np.course.experiments.", "lora_np.course.classroom.laws")


def module(name):
    return heading(name, "-") + automodule(name)


def automodule(name):
    options = ":members:", ":ignore-module-all:", ":member-order: bysource"
    return "\n   ".join((f".. automodule:: {name}", *options)) + "\n\n"


def heading(text, line):
    return f"{text}\n{line * len(text)}\n\n"


def index(captions):
    """What `import lora_np` brings, each with its first sentence, then the list of folders."""
    names = sorted((name for name in lora_np.__all__), key=str.lower)
    found = [getattr(lora_np, name) for name in names]
    exported = [f"   {f.__module__}.{f.__qualname__}" for f in found if not inspect.ismodule(f)]
    text = (ROOT / "site" / "pages" / "api.txt").read_text("utf-8")
    captions = {name: caption.replace("`", "``") for name, caption in captions.items()}
    rows = "\n".join(f"   * - :doc:`lora_np.{n} <{n}>`\n     - {captions[n]}" for n in FOLDERS)
    toctree = "\n   ".join((*FOLDERS, *SINGLE))
    return text.format(names="\n".join(exported), folders=rows, toctree=toctree)
