"""Put Pyodide, CPython in WebAssembly, together in one folder: every file from a registry, checked.

    python site/pyodide.py out/pyodide --wheels DIR --own dist/lora_np-*.whl ipython pytest

| what | from | checked against |
|---|---|---|
| Python itself | npm's `pyodide` | its hash below |
| compiled wheels | DIR, else the official distribution | npm's `pyodide-lock.json` |
| pure wheels | PyPI, by pip | `pyodide-pure.txt` |
| `pydoc_data`, Python's prose | the same, else made of this Python's | the same, or nothing |

The folder's own `pyodide-lock.json` names what is in it and nothing else, so that no page fetches
anything from another host. From another script: `assemble(out, names, own=, wheels=)`.
"""

import argparse
import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from dataclasses import dataclass
from email.parser import BytesParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / "out" / "pyodide-cache"
VERSION = "314.0.3"
SHA512 = "sK40My6m8tmBUYtYH9au9rXUeh9x0wfahtHdOlGmJxZDsKBGKtP6KznyFB2+u/klbQTdDionR0uaVd176zVQzQ=="
DISTRIBUTION = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full"
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
THERE = {  # for the markers in wheels' requirements, as `; sys_platform != "emscripten"`
    "sys_platform": "emscripten", "platform_system": "Emscripten", "os_name": "posix",
    "python_version": "3.14", "python_full_version": "3.14.0", "platform_machine": "wasm32",
    "implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": "",
}  # fmt: skip
LATER = {  # what need not be there, or not at first
    "lora-np": {"matplotlib"},  # 22 MB; a page without plots starts without
    "ipywidgets": {"widgetsnbextension", "jupyterlab-widgets"},  # the page's part, which Lite has
}


@dataclass(frozen=True)
class Wheel:
    """A wheel on the disk, and from where it came."""

    path: Path
    origin: str

    @property
    def name(self):
        return parse_wheel_filename(self.path.name)[0]

    @property
    def version(self):
        return str(parse_wheel_filename(self.path.name)[1])

    def requirements(self):
        """What it needs in WebAssembly."""
        with zipfile.ZipFile(self.path) as archive:
            (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            lines = BytesParser().parsebytes(archive.read(name)).get_all("Requires-Dist", [])
        for each in map(Requirement, lines):
            later = canonicalize_name(each.name) in LATER.get(self.name, ())
            if not later and (each.marker is None or each.marker.evaluate(THERE)):
                yield each

    def imports(self):
        """The names that code imports from it."""
        with zipfile.ZipFile(self.path) as archive:
            parts = [Path(name).parts for name in archive.namelist() if name.endswith(".py")]
        return sorted({p[0].removesuffix(".py") for p in parts if not p[0].endswith("-info")})

    def locked(self):
        """Its entry in Pyodide's lock."""
        return {
            "name": self.name, "version": self.version, "file_name": self.path.name,
            "install_dir": "site", "sha256": sha256(self.path), "package_type": "package",
            "imports": self.imports(), "unvendored_tests": False,
            "depends": sorted({canonicalize_name(each.name) for each in self.requirements()}),
        }  # fmt: skip


def assemble(out, names, *, own=(), wheels=None, cache=CACHE):
    """Fill the folder `out` with Pyodide, these packages and what they need; the Wheels in it.

    `own`: wheels of ours. `wheels`: a folder of compiled ones; None is the official distribution.

    Raises: ValueError for a file that is not what its hash says, or a package that is nowhere.
    """
    out, cache = Path(out), Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    core = unpacked(cache)
    lock = json.loads((core / "pyodide-lock.json").read_text())
    official = {canonicalize_name(name): entry for name, entry in lock["packages"].items()}
    found = {wheel.name: wheel for wheel in pure(cache)}
    ours = [Wheel(Path(path), "ours") for path in own]
    found |= {wheel.name: wheel for wheel in ours}

    taken, wanted = {}, [*(Requirement(wheel.name) for wheel in ours), *map(Requirement, names)]
    while wanted:
        each = wanted.pop()
        name = canonicalize_name(each.name)
        if name not in taken:
            taken[name] = found.get(name) or compiled(name, official, wheels, cache)
            wanted += taken[name].requirements()
        if not each.specifier.contains(taken[name].version, prereleases=True):
            raise ValueError(f"expected {each}, got {taken[name].path.name}")

    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for name in CORE:
        shutil.copy(core / name, out)
    for wheel in taken.values():
        shutil.copy(wheel.path, out)
    packages = {name: taken[name].locked() for name in sorted(taken)}
    text = json.dumps({"info": lock["info"], "packages": packages}, indent=1)
    (out / "pyodide-lock.json").write_text(text + "\n")
    return [taken[name] for name in sorted(taken)]


def unpacked(cache):
    """npm's `pyodide`, as a folder."""
    archive = cache / f"pyodide-{VERSION}.tgz"
    if not archive.exists():
        run("npm", "pack", "--silent", f"pyodide@{VERSION}", "--pack-destination", cache)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != SHA512:
        raise ValueError(f"{archive}: its SHA-512 is {digest}, expected {SHA512}")
    folder = cache / f"pyodide-{VERSION}"
    with tarfile.open(archive) as tar:
        for name in (*CORE, "pyodide-lock.json"):
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(tar.extractfile(f"package/{name}").read())
    return folder


def pure(cache):
    """The wheels that `pyodide-pure.txt` names, from PyPI; pip compares their hashes."""
    pins, folder = HERE / "pyodide-pure.txt", cache / sha256(HERE / "pyodide-pure.txt")[:12]
    if not folder.exists():
        made = folder.with_suffix(".part")
        target = ("--platform", "any", "--python-version", "3.14", "--implementation", "py")
        run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            "--only-binary", ":all:", *target, "--abi", "none", "-r", pins, "-d", made)  # fmt: skip
        made.rename(folder)
    for path in sorted(folder.glob("*.whl")):
        if f"sha256:{sha256(path)}" not in pins.read_text():
            raise ValueError(f"{path}: its SHA-256 is not in {pins.name}; delete it")
        yield Wheel(path, "PyPI, pinned in pyodide-pure.txt")


def compiled(name, official, wheels, cache):
    """The wheel of the official distribution, from the folder `wheels` or from the distribution."""
    if name not in official:
        raise ValueError(f"{name} is in neither pyodide-pure.txt nor Pyodide's distribution")
    file, expected = official[name]["file_name"], official[name]["sha256"]
    path = cache / file if wheels is None else Path(wheels) / file
    origin = "folder" if wheels else "official distribution"
    if name == "pydoc-data" and wheels and not path.exists():
        return Wheel(python_prose(cache), f"made of Python {sys.version.split()[0]}")
    if wheels is None and not path.exists():
        fetch(f"{DISTRIBUTION}/{file}", path)
    if not path.exists():
        raise ValueError(f"{path} is not there; without --wheels it would come from {DISTRIBUTION}")
    if sha256(path) != expected:
        raise ValueError(f"{path}: its SHA-256 is {sha256(path)}, expected {expected}")
    return Wheel(path, f"{origin}, as in npm's lock")


def python_prose(cache):
    """A wheel of `pydoc_data`, which Pyodide's standard library leaves out."""
    import pydoc_data.topics as topics

    text = Path(topics.__file__).read_text(encoding="utf-8")
    return made_of(cache, "pydoc_data", {"__init__.py": "", "topics.py": text})


def made_of(folder, name, modules):
    """Write a wheel of a package's {file: text} into `folder`; its path."""
    path, info = folder / f"{name}-1.0.0-py3-none-any.whl", f"{name}-1.0.0.dist-info"
    files = {f"{name}/{file}": text for file, text in modules.items()} | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text, zipfile.ZIP_DEFLATED)  # with no date
    return path


def fetch(url, path):
    """Download to `path`, whole or not at all."""
    part = path.with_suffix(".part")
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            part.write_bytes(response.read())
    except OSError as error:
        raise ValueError(f"{url}: {error}; give a folder that has it: --wheels DIR") from error
    part.rename(path)


def run(*command):
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description="Put Pyodide together in one folder.")
    parser.add_argument("out", help="the folder that is made anew")
    parser.add_argument("packages", nargs="*", help="beside those that the own wheels need")
    parser.add_argument("--own", nargs="*", default=[], metavar="WHEEL", help="wheels of ours")
    parser.add_argument("--wheels", metavar="DIR", help="compiled wheels; else fetched")
    options = parser.parse_intermixed_args()
    try:
        for wheel in assemble(
            options.out, options.packages, own=options.own, wheels=options.wheels
        ):
            size = wheel.path.stat().st_size
            print(f"{wheel.name:26}{wheel.version:14}{size:>11,}  {wheel.origin}")
    except (ValueError, subprocess.CalledProcessError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    total = sum(path.stat().st_size for path in Path(options.out).iterdir())
    print(f"{options.out}: {total:,} bytes with Python {VERSION}")


if __name__ == "__main__":
    main()
