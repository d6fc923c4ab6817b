"""Where a file of the repository stands on the site, and how links between files become the site's.

A page keeps its text; only what its links point at is written anew. A linked file that has no page
gets one: its source.
"""

import os
import re
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the package that is documented is the one beside the site
PAGES = {  # files of the repository that are pages, beside the lessons and the exercises
    "notebooks/README.md": "lessons/index.md",
    "notebooks/exercises": "exercises/index.md",
    "notebooks/WHICH_METHOD.md": "guides/which_method.md",
    "notebooks/CLAIMS.md": "guides/claims.md",
    "notebooks/EVIDENCE.md": "guides/evidence.md",
    "notebooks/PROTOCOL.md": "guides/protocol.md",
    "notebooks/DOCUMENT.md": "guides/document.md",
    "notebooks/teacher/TEACHING.md": "guides/teaching.md",
    "notebooks/teacher/PLANS.md": "guides/plans.md",
    "notebooks/teacher/PROJECTS.md": "guides/projects.md",
    "lora_np/nano.py": "guides/one_file.md",
    "README.md": "guides/package.md",
    "ARCHITECTURE.md": "guides/architecture.md",
    "tests/README.md": "guides/tests.md",
    "CONTRIBUTING.md": "guides/contributing.md",
    "CHANGELOG.md": "guides/changelog.md",
}
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")


def lessons():
    return sorted((ROOT / "notebooks").glob("[0-9]*_*.ipynb"))


def exercises():
    return sorted((ROOT / "notebooks" / "exercises").glob("[0-9]*_*.ipynb"))


def page_of(file):
    """The site's page for a file of the repository (both as relative paths), or None."""
    path = PurePosixPath(file)
    if file in PAGES:
        return PAGES[file]
    if path.suffix == ".ipynb" and path.parts[0] == "notebooks":
        return f"{'exercises' if 'exercises' in path.parts else 'lessons'}/{path.name}"
    return f"source/{file}.md" if (ROOT / file).is_file() else None


def moved(text, file, shown):
    """A file's text with its links as they are on the site; adds to `shown` the sources they want.

    A link to a folder that has no page becomes its words.
    """
    here = PurePosixPath(page_of(file)).parent

    def link(found):
        words, target, anchor = found[1], found[2], found[3] or ""
        there = os.path.normpath(PurePosixPath(file).parent / target).replace(os.sep, "/")
        page = page_of(there)
        if page is None:
            return words
        if page.startswith("source/"):
            shown.add(there)
        return f"[{words}]({os.path.relpath(page, here)}{slug(anchor)})"

    return LINK.sub(link, text)


def slug(anchor):
    """Jupyter's anchor of a heading, "#Was-it-worth-it?", as MyST and GitHub write it."""
    return anchor[:1] + re.sub(r"[^\w-]", "", anchor[1:].lower())
