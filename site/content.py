"""The repository's texts as Sphinx's sources: lessons, exercises, guides, and lists of them."""

import re
import shutil
from html import escape
from pathlib import Path

import api
import figures
import rendered
from places import PAGES, ROOT, exercises, lessons, moved

HERE = Path(__file__).resolve().parent
ROW = re.compile(r"^\| \[(\w+)\]\((\w+)\.ipynb\) (.*?) \| (.*?) \| (\d+) \|", re.M)
NANO = "lora_np/nano.py"  # shown whole


def write(folder):
    """Bring the folder of sources to what `pages/` and the repository's own texts now say.

    A file that is right already is left alone, so that Sphinx reads anew only what has changed.
    """
    made = folder.with_suffix(".new")
    shutil.rmtree(made, ignore_errors=True)
    write_all(made)
    for old in [path for path in folder.rglob("*") if path.is_file()]:
        if not (made / old.relative_to(folder)).exists():
            old.unlink()
    for path in [path for path in made.rglob("*") if path.is_file()]:
        there = folder / path.relative_to(made)
        if not there.exists() or there.read_bytes() != path.read_bytes():
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, there)


def write_all(folder):
    shutil.copytree(HERE / "pages", folder)
    shown = set()
    for kind, paths in ("lesson", lessons()), ("exercise", exercises()):
        for path in paths:
            name = f"{kind}s/{path.stem}"
            put(folder / f"{name}.ipynb", rendered.page(path, name, kind, shown))
    for file, page in PAGES.items():
        if page.startswith("guides/") and file.endswith(".md"):
            put(folder / page, moved((ROOT / file).read_text("utf-8"), file, shown))
    write_lists(folder, shown)
    for file in sorted(shown):
        put(folder / f"source/{file}.md", source_page(file))
    shutil.copy(ROOT / NANO, folder / "nano.py")
    paths = (HERE / "static" / "paths.svg").read_text("utf-8")
    start = folder / "start.html"
    put(start, start.read_text("utf-8").replace("{{ paths }}", paths))
    put(folder / "figures.html", figures.gallery())
    api.write(folder / "api")


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_lists(folder, shown):
    """The lists of lessons and of exercises, and the glossary: all from notebooks/README.md."""
    file = "notebooks/README.md"
    course = (ROOT / file).read_text("utf-8")
    table = {stem: (number, *rest) for number, stem, *rest in ROW.findall(course)}
    if set(table) != {path.stem for path in lessons()}:
        raise ValueError(f"{file}: its table is not the list of lessons")
    symbols = course.index("## Glossary: symbols")
    put(folder / "guides/glossary.md", "# Glossary\n\n" + moved(course[symbols:], file, shown))
    for kind, paths in ("lessons", lessons()), ("exercises", exercises()):
        cards = "\n".join(card(kind, path.stem, *table[path.stem]) for path in paths)
        toctree = "\n".join(path.stem for path in paths)
        page = folder / kind / "index.md"
        text = page.read_text("utf-8").replace("{{ cards }}", f'<ol class="cards">\n{cards}\n</ol>')
        put(page, f"{text}\n```{{toctree}}\n:hidden:\n\n{toctree}\n```\n")


def card(kind, stem, number, title, asks, minutes):
    """A list item: what the lesson asks, how long it takes, and a place for progress."""
    page, title = f"{kind}/{stem}", escape(title)
    run = f'<a class="run" href="../lite/notebooks/index.html?path={page}.ipynb" data-page="{page}"'
    about = f"{escape(asks)} <small>{minutes} minutes</small>" if kind == "lessons" else ""
    return (
        f'<li data-page="{page}"><span class="number">{number}</span>'
        f'<div><a class="title" href="{stem}.html">{title}</a><p>{about}</p></div>'
        f'{run} aria-label="Run {number}, {title}">▶ run</a></li>'
    )


def source_page(file):
    """A page that shows a file of the repository."""
    lexer = {".py": "python", ".md": "markdown"}.get(Path(file).suffix, "text")
    fence = "`" * 8
    text = (ROOT / file).read_text("utf-8")
    code = f"{fence}{{code-block}} {lexer}\n:linenos:\n\n{text}\n{fence}\n"
    return f"---\norphan: true\n---\n\n# `{file}`\n\n{code}"
