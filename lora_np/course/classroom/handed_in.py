"""What students hand in: the notebooks in a folder, and whose they are."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from .exercise import Result

MEANT = re.compile(r"\.(py|zip|html|pdf|ipynb\..*)$")  # handed in in a notebook's place


@dataclass
class Submission:
    """One notebook: its results, the explanations for the teacher to read, or what is wrong."""

    name: str
    path: Path
    student: str = ""  # the number by which its exercises were drawn, where they were
    results: list[Result] = field(default_factory=list)
    explanations: dict[str, str] = field(default_factory=dict)
    answers: dict[str, list] = field(default_factory=dict)  # an exercise's cells, by its number
    problem: str = ""
    note: str = ""  # graded, and yet something is odd
    offline: bool = True

    points = property(lambda self: sum(result.points for result in self.results))
    possible = property(lambda self: sum(result.possible for result in self.results))


def submissions(path):
    """The notebooks at `path`, one or a folder of them, as Submissions named by their place.

    What was handed in that is no notebook, and folders without one, are Submissions with a problem.
    Raises: ValueError if there is no notebook at all.
    """
    path = Path(path)
    if path.is_file():
        return [Submission(path.stem, path)]
    seen = [each for each in sorted(path.rglob("*")) if not hidden(each.relative_to(path))]
    notebooks = [each for each in seen if each.suffix == ".ipynb"]
    if not notebooks:
        raise ValueError(f"{path}: expected a notebook, or a folder with notebooks (.ipynb)")
    found = [
        Submission(
            str(each.relative_to(path).with_suffix("")),
            each,
            problem="a link, not a notebook" if each.is_symlink() else "",  # to whose answers?
        )
        for each in notebooks
    ]
    own = {each.parent for each in notebooks}
    holding = {folder for each in notebooks for folder in each.parents}
    for each in seen:
        if each.parent != path and (each.parent not in holding or each.parent in own):
            continue  # beside a student's notebook, or in a folder that is told already
        name = str(each.relative_to(path))
        if each.is_dir() and each not in holding:
            there = [file.name for file in sorted(each.rglob("*")) if file.is_file()]
            what = f"there is {', '.join(there[:3])}" if there else "it is empty"
            found.append(Submission(name, each, problem=f"no notebook in this folder: {what}"))
        elif each not in notebooks and not each.is_dir() and MEANT.search(each.name):
            found.append(Submission(name, each, problem="no notebook: expected .ipynb"))
    return sorted(found, key=lambda submission: submission.name)


def hidden(place):
    """Whether a system or an editor made it: .ipynb_checkpoints, __MACOSX, ._amy.ipynb."""
    return any(part.startswith(".") or part == "__MACOSX" for part in place.parts)
