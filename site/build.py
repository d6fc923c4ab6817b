"""Build the course as one static site, complete in itself: no page asks another host for anything.

    python -m pip install -e . -r site/requirements.txt
    python site/build.py --out out/site [--wheels DIR] [--zip FILE]

| part | made of | by |
|---|---|---|
| pages | the repository's texts, the lessons' committed outputs, the docstrings | Sphinx |
| `lite/` | the students' forms and the exercises, live | JupyterLite, Pyodide |
| `_static/mathjax/` | npm's package | a copy |
| `_static/figures/` | `lora_np/course/interactive/` | a copy |

`--wheels DIR` holds the compiled wheels of Pyodide's distribution; without it they are fetched from
there. Each is checked against the hash in npm's lock, and the build prints where each came from.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import content
import figures
import npm
from places import ROOT

HERE = Path(__file__).resolve().parent
WORK = ROOT / "out" / "site-work"
MATHJAX = "mathjax@3.2.2"
PARAMETERS = re.compile(r"<dl>\n((?:<dd><em class=\"sig-param.*?</dd>\n)+)</dl>", re.S)


def build(out, wheels):
    """Make the folder `out` anew; yields what was done, as text."""
    if out.exists() and any(out.iterdir()) and not (out / "files.json").exists():
        raise ValueError(f"--out {out} holds something else than a site; name another folder")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / "files.json").write_text("{}", "utf-8")  # so that a build that stops can be begun again
    content.write(WORK / "source")
    yield "the texts"
    sphinx(out)
    yield "the pages"
    copy_mathjax(out / "_static" / "mathjax")
    figures.copy(out / "_static" / "figures")
    (out / "_static" / "sw.js").rename(out / "sw.js")  # so that its pages are the whole site
    shutil.copy(ROOT / "lora_np" / "system" / "serve.py", out)
    yield "MathJax and the figures"
    import lite

    yield from lite.build(out / "lite", WORK, wheels)
    write_list(out)


def sphinx(out):
    options = ["-b", "html", "-c", HERE, "-d", WORK / "doctrees", "-q", "--fail-on-warning"]
    command = [sys.executable, "-m", "sphinx", *options, WORK / "source", out]
    subprocess.run(list(map(str, command)), check=True)
    for page in (out / "api").glob("*.html"):  # a <dl> without a <dt> is read aloud as nonsense
        text = page.read_text("utf-8")
        page.write_text(PARAMETERS.sub(as_divisions, text), "utf-8")
    for unused in ("_static/webpack-macros.html", ".buildinfo"):
        (out / unused).unlink(missing_ok=True)


def as_divisions(found):
    """A signature's parameters, one a line, without the list that Sphinx makes of them."""
    return '<div class="parameters">\n' + re.sub(r"(</?)dd>", r"\1div>", found[1]) + "</div>"


def copy_mathjax(folder):
    """The one script that the pages load, and its fonts."""
    package = npm.unpacked(MATHJAX) / "package"
    fonts = "output/chtml/fonts/woff-v2"
    shutil.copytree(package / "es5" / fonts, folder / fonts)
    for name in ("es5/tex-chtml.js", "LICENSE"):
        shutil.copy(package / name, folder)


def write_list(out):
    """files.json: every file, by the cache in which the browser keeps it, for the offline copy."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    names = [path.relative_to(out).as_posix() for path in files]
    caches = {
        "lora_np-pages": [name for name in names if not name.startswith("lite/")],
        "precache": [name for name in names if name.startswith("lite/")],  # JupyterLite's name
    }
    size = sum(path.stat().st_size for path in files)
    digests = "".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    version = hashlib.sha256(digests.encode()).hexdigest()  # of what lite/ keeps: kernel/current.js
    text = json.dumps({"version": version, "bytes": size, "count": len(names), "caches": caches})
    (out / "files.json").write_text(text, encoding="utf-8")


def pack(out, archive):
    """The site as a zip, for a room without a network: unpack it, and run its serve.py."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for path in sorted(out.rglob("*")):
            if path.is_file():
                made.write(path, Path("lora_np-site") / path.relative_to(out))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "site", metavar="DIR")
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="Pyodide's compiled wheels")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="only the figures, there")
    parser.add_argument("--zip", type=Path, metavar="FILE", help="pack the site into this file too")
    options = parser.parse_args()
    if options.figures:
        return figures.alone(options.figures)
    began = last = time.perf_counter()
    try:
        for done in build(options.out.resolve(), options.wheels):
            print(f"{time.perf_counter() - last:6.1f} s  {done}", flush=True)
            last = time.perf_counter()
        if options.zip:
            pack(options.out, options.zip)
    except (ValueError, subprocess.CalledProcessError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    files = [path for path in options.out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    seconds = time.perf_counter() - began
    print(f"{seconds:6.1f} s  {options.out}: {len(files)} files, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
