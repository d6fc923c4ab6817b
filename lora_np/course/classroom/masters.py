"""From a master notebook to the student's version, and from a student's notebook to the answers.

A master is written by hand: a `## Exercise 3.1` heading, given code, an answer's cell with
`### BEGIN SOLUTION … ### END SOLUTION`, sometimes an explanation's cell with the same marks, and a
`check("3.1", name)` cell. Everything else (nbgrader's metadata, ids, points) follows from that.
"""

import copy
import json
import re
import warnings

import nbformat

from ...system.json_text import check_nesting
from .cells import checked
from .exercise import find

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
REGION = re.compile(rf"^([ \t]*){BEGIN}\n(.*?)^[ \t]*{END}(?:\n|\Z)", re.M | re.S)
HEADING = re.compile(r"^## Exercise (\d{1,4}\.\d{1,4})\b", re.M | re.A)
MARK = re.compile(r"^# Exercise (\d{1,4}\.\d{1,4})\b", re.M | re.A)  # begins an answer's cell
GRADE_ID = re.compile(
    r"(?P<role>answer|explanation|check)-(?P<lesson>\d{1,4})-(?P<place>\d{1,4})", re.A
)
TYPES = ("code", "markdown", "raw")
LARGEST = 20_000_000  # bytes of a notebook, with its pictures
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def stamp(master, student=""):
    """A copy of `master` with nbgrader's metadata, ids that stay the same, and no outputs.

    `student` is the number for which a sheet was drawn.
    Raises: ValueError for an answer without its mark, a check under another exercise's heading, or
    an exercise that lacks its answer or its check.
    """
    notebook, number, counts = copy.deepcopy(master), None, {}
    for cell in notebook.cells:
        heading = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        number = heading[1] if heading else number
        role = _role(cell, number)
        counts[number, role] = counts.get((number, role), 0) + 1
        name = f"{role}-{number.replace('.', '-')}" if number else role
        if role not in ("answer", "explanation", "check") and (number, role) in counts:
            name += f"-{counts[number, role]}"
        cell.id = name
        graded = role in ("check", "explanation")
        cell.metadata = {
            "nbgrader": {
                "grade": graded,
                "grade_id": name,
                "locked": role not in ("answer", "explanation"),
                "schema_version": 3,
                "solution": role in ("answer", "explanation"),
                "task": False,
            }
        }
        if graded:
            points = find(number, student).points if role == "check" else 1
            cell.metadata["nbgrader"]["points"] = points
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    for number in {number for number, _ in counts if number}:
        for role in ("answer", "check"):
            if counts.get((number, role), 0) != 1:
                raise ValueError(
                    f"exercise {number}: expected one cell that is its {role}, "
                    f"found {counts.get((number, role), 0)}"
                )
    notebook.metadata, notebook.nbformat, notebook.nbformat_minor = METADATA, 4, 5
    nbformat.validate(notebook)
    return notebook


def _role(cell, number):
    if cell.cell_type == "markdown":
        return "explanation" if BEGIN in cell.source else "text"
    if BEGIN in cell.source:
        mark = MARK.match(cell.source)
        if not mark or mark[1] != number:
            raise ValueError(f"exercise {number}: its answer's cell begins '# Exercise {number}'")
        return "answer"
    checks = checked(cell.source)
    if checks and checks != [number]:
        raise ValueError(f"check {checks[0]} stands under exercise {number}")
    return "check" if checks else "given"


def student(master):
    """The student's version of a stamped master: holes where the solutions were."""
    notebook = copy.deepcopy(master)
    for cell in notebook.cells:
        if BEGIN in cell.source:
            number = MARK.match(cell.source)[1] if cell.cell_type == "code" else None
            cell.source = REGION.sub(lambda found, n=number: hole(n, found[1]), cell.source)
            cell.source = cell.source.rstrip("\n")
    return notebook


def hole(number, indent):
    """What stands in place of a solution: text, a comment at the margin, or a friendly error."""
    if number is None:
        return "*Write your explanation here.*\n"
    if not indent:
        return f"# Exercise {number}: put your answer in place of the dots\n"
    return f'{indent}raise NotImplementedError("Exercise {number}: write this part")\n'


def solution_of(master, number):
    """The source of the answer's cell of one exercise in a stamped notebook."""
    return next(
        cell.source
        for cell in master.cells
        if cell.metadata["nbgrader"]["grade_id"] == f"answer-{number.replace('.', '-')}"
    )


def read(path):
    """The notebook at `path`, in the present format.

    Raises: ValueError that says what is wrong with a file that is no notebook.
    """
    if not path.is_file():
        raise ValueError("not a notebook: it is no file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"not a notebook to grade: expected at most {LARGEST:,} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of ids that an old notebook lacks
            text = path.read_text(encoding="utf-8-sig")
            check_nesting(text)
            notebook = nbformat.convert(nbformat.reader.reads(text), 4)
        for cell in notebook.cells:  # all that is used here; the rest may break the format's rules
            cell_type, source, metadata = cell.cell_type, cell.source, cell.metadata
            if not (isinstance(source, str) and isinstance(metadata, dict) and cell_type in TYPES):
                raise ValueError(f"a cell is no cell: {str(cell)[:80]}")
    except (json.JSONDecodeError, UnicodeDecodeError, nbformat.reader.NotJSONError):
        raise ValueError("not a notebook: the file is no JSON") from None
    except OSError:
        raise
    except Exception as error:  # whatever nbformat stumbles over in a file that it did not write
        line = (str(error).strip() or repr(error)).splitlines()[0][:160]
        raise ValueError(f"not a notebook: {line}") from None
    return notebook


def answers(notebook):
    """{exercise: (cells to run, the explanation's text)} of a student's notebook.

    An exercise's cells are those before the first exercise, then its own up to its check: the
    answer's, and any that the student added. Checks are left out, for the grader has its own.
    Cells are known by nbgrader's id, or by headings and marks where a front end lost the ids.
    """
    common, found, number = [], {}, None
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader")
        mark = GRADE_ID.fullmatch(str(marks.get("grade_id"))) if isinstance(marks, dict) else None
        role = mark["role"] if mark else None
        if mark:
            number = f"{mark['lesson']}.{mark['place']}"
        elif cell.cell_type == "markdown":
            number = (HEADING.search(cell.source) or [None, number])[1]
        elif cell.cell_type == "code":
            number = (MARK.match(cell.source) or [None, number])[1]
        if role == "explanation" and number in found:
            found[number][1].append(cell.source)
        if cell.cell_type != "code" or role == "check" or checked(cell.source):
            continue
        if number is None:
            common.append(cell.source)
        else:
            cells, _ = found.setdefault(number, ([], []))
            cells.append(cell.source)
    return {
        number: ([*common, *cells], "\n\n".join(text)) for number, (cells, text) in found.items()
    }
