"""python -m lora_np grade: notebooks with answers, to points and feedback."""

from pathlib import Path

from ..system.files import make_directory, write_json
from .options import positive, show, write_texts
from .out import new_folder

check_out = new_folder


def add(commands):
    parser = commands.add_parser(
        "grade",
        help="grade the exercises in a notebook, or in a folder of submissions",
        description="Judge every answer by its laws, each in a process of its own with limits. "
        "The limits guard against accidents; they are no sandbox. With --out: grades.csv, "
        "grades.json, grades.html, similar.csv, explanations.txt, nbgrader.csv, and "
        "feedback/NAME.txt and .html for each submission. "
        "Exit status: 0 if every answer is right, 1 if not.",
    )
    option = parser.add_argument
    seconds = "for each answer, of processor time; 4 times that of doing nothing (default 10)"
    memory = "for each answer, where it can be limited (default 2000)"
    students = "the class list, for sheets that `variants` drew: CSV with the columns name, number"
    given = "notebooks that students were given: what they have is not called similar"
    nbgrader = "a course's folder: feedback/STUDENT/ASSIGNMENT/NAME.html is written there"
    option("paths", metavar="PATH", nargs="+", help="a notebook, or a folder")
    option("--seconds", type=positive, default=10, help=seconds)
    option("--memory", type=positive, default=2000, metavar="MB", help=memory)
    option("--jobs", type=positive, help="answers at a time (default: one a core)")
    option("--students", metavar="FILE", help=students)
    option("--hidden", metavar="FILE", help="laws that only the teacher has, to try as well")
    option("--key", default="", metavar="KEY", help="of that file, so that a change is noticed")
    option("--given", metavar="PATH", nargs="+", default=[], help=given)
    option("--nbgrader", metavar="FOLDER", help=nbgrader)
    return parser


def run(options):
    from ..course.classroom import hidden_laws, report, variants
    from ..course.classroom.grade import Limits, grade

    limits = Limits(options.seconds, options.memory * 1_000_000)
    students = variants.class_list(options.students) if options.students else None
    hidden = hidden_laws.opened(options.hidden, options.key) if options.hidden else ""
    given = [cells for path in options.given for cells in given_at(path)]
    graded = grade(options.paths, limits, options.jobs, students, hidden)
    numbers = report.as_numbers(graded, limits)
    numbers["hidden laws"] = options.key if hidden else "none"
    if options.out:
        write(make_directory(options.out), graded, numbers, given)
    if options.nbgrader:
        from ..course.classroom import pages

        write_texts(options.nbgrader, pages.nbgrader(graded))
    one = len(graded) == 1
    show(options, numbers, report.feedback(graded[0]).rstrip() if one else report.table(graded))
    right = all(not s.problem and s.points == s.possible for s in graded)
    return 0 if right else 1


def given_at(path):
    """The answers' cells, {exercise: cells}, of each notebook at `path`."""
    from ..course.classroom import handed_in, masters

    for each in handed_in.submissions(Path(path)):
        if not each.problem:
            yield {n: cells for n, (cells, _) in masters.answers(masters.read(each.path)).items()}


def write(folder, graded, numbers, given):
    from ..course.classroom import pages, report, similar

    write_json(folder / "grades.json", numbers)
    alike = similar.similar(graded, given)
    pairs = ["one", "other", "share", "runs", "exercises"]
    texts = {
        "grades.csv": report.as_csv(report.rows(graded), report.COLUMNS),
        "grades.html": pages.marks(graded, alike),
        "similar.csv": report.as_csv(alike, pairs),
        "nbgrader.csv": report.as_csv(pages.gradebook(graded), pages.GRADEBOOK),
        "explanations.txt": report.explanations(graded),
    }
    for submission in graded:
        texts[f"feedback/{submission.name}.txt"] = report.feedback(submission)
        texts[f"feedback/{submission.name}.html"] = pages.feedback(submission)
    write_texts(folder, texts)
