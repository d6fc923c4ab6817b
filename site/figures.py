"""The figures that one touches: copied into the site, and a page of them alone, made in a second.

python site/build.py --figures out/figures
python -m lora_np site --serve out/figures
"""

import re
import shutil

from places import ROOT

HERE = ROOT / "site"
SOURCE = ROOT / "lora_np" / "course" / "interactive"
SHARED = ("axes", "frame", "parts", "notebook")  # modules that are no figure
HEAD = """<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Figures</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="_static/site.css">
<script>
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.documentElement.style.background = dark ? "#14181e" : "#fff";
</script>
<style>
  body { font: 17px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 0 1rem; }
  html { --pst-color-text-base: light-dark(#1d232b, #e8ecf1); color: var(--pst-color-text-base); }
  html { --pst-color-text-muted: light-dark(#515c68, #a9b3bf); color-scheme: light dark; }
</style>
"""


def copy(out):
    """Fill the folder `out` with the modules and their look, as a page loads them."""
    kept = shutil.ignore_patterns("*.py", "*.md", "__pycache__")
    shutil.copytree(SOURCE, out, ignore=kept, dirs_exist_ok=True)


def names():
    return sorted(path.stem for path in SOURCE.glob("*.mjs") if path.stem not in SHARED)


def needed(figures):
    """The files that modules of these names load, themselves among them, each once."""
    found, left = {}, [f"{name}.mjs" for name in ("frame", *figures)] if figures else []
    while left:
        file = left.pop(0)
        if file not in found:
            found[file] = None
            text = (SOURCE / file).read_text("utf-8")
            there = (SOURCE / file).parent
            paths = [(there / path).resolve() for path in re.findall(r'from "(\.[^"]+)"', text)]
            left += [path.relative_to(SOURCE).as_posix() for path in paths]
    return list(found)


def gallery(lessons=True):
    """Every figure, in the order of the lessons that it belongs to, and a link to each of those."""
    modules = {name: (SOURCE / f"{name}.mjs").read_text("utf-8") for name in names()}
    found = {
        name: [field(text, key) for key in ("lesson", "title")] for name, text in modules.items()
    }
    link = '<p><a href="lessons/{0}.html">Lesson {1}</a></p>'
    return "\n".join(
        f'<section id="{name}"><h2>{title}</h2><div data-figure="{name}"></div>'
        + link.format(lesson, lesson.split("_")[0].lstrip("0")) * lessons
        + "</section>"
        for name, (lesson, title) in sorted(found.items(), key=lambda item: item[1])
    )


def field(module, key):
    """A text of a figure's object, as its title."""
    return re.search(rf'^  {key}: "(.*)",$', module, re.MULTILINE)[1]


def alone(out):
    """The folder `out` with two pages: every figure, and "LoRA by hand" without the site around."""
    shutil.copytree(HERE / "static", out / "_static", dirs_exist_ok=True)
    copy(out / "_static" / "figures")
    script = '<script type="module">import {{ {0} }} from "./_static/{1}.mjs"; {2};</script>'
    begin = script.format("mountAll", "figures/frame", "mountAll()")
    (out / "figures.html").write_text(
        f"{HEAD}<h1>Figures</h1>{gallery(lessons=False)}{begin}", "utf-8"
    )
    page = (HERE / "pages" / "by_hand.html").read_text("utf-8")
    begin = script.format("open", "byhand", "open(document.querySelector('[data-by-hand]'))")
    text = f"{HEAD}<h1>LoRA by hand</h1>{page}{begin}"
    (out / "by_hand.html").write_text(text, "utf-8")
