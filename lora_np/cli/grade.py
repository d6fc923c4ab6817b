"""python -m lora_np grade: notebooks with answers, to points and feedback."""

from ..system.files import make_directory, whole_file, write_json
from .options import positive, show


def add(commands):
    parser = commands.add_parser(
        "grade",
        help="grade the exercises in a notebook, or in a folder of submissions",
        description="Judge every answer by its laws, each in a process of its own with limits. "
        "The limits guard against accidents; they are no sandbox. With --out: grades.csv, "
        "grades.json, explanations.txt and feedback/NAME.txt for each submission. "
        "Exit status: 0 if every answer is right, 1 if not.",
    )
    option = parser.add_argument
    seconds = "for each answer, of processor time; 4 times that of doing nothing (default 10)"
    memory = "for each answer, where it can be limited (default 2000)"
    option("paths", metavar="PATH", nargs="+", help="a notebook, or a folder")
    option("--seconds", type=positive, default=10, help=seconds)
    option("--memory", type=positive, default=2000, metavar="MB", help=memory)
    option("--jobs", type=positive, help="answers at a time (default: one a core)")
    return parser


def run(options):
    from ..course.classroom import report
    from ..course.classroom.grade import Limits, grade

    limits = Limits(options.seconds, options.memory * 1_000_000)
    graded = grade(options.paths, limits, options.jobs)
    numbers = report.as_numbers(graded, limits)
    if options.out:
        write(make_directory(options.out), report, graded, numbers)
    one = len(graded) == 1
    show(options, numbers, report.feedback(graded[0]).rstrip() if one else report.table(graded))
    right = all(not s.problem and s.points == s.possible for s in graded)
    return 0 if right else 1


def write(folder, report, graded, numbers):
    write_json(folder / "grades.json", numbers)
    texts = {"grades.csv": report.csv_text(graded), "explanations.txt": report.explanations(graded)}
    for submission in graded:
        texts[f"feedback/{submission.name}.txt"] = report.feedback(submission)
    for name, text in texts.items():
        make_directory((folder / name).parent)
        with whole_file(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="replace")  # half a character
