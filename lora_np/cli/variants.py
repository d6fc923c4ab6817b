"""python -m lora_np variants: a sheet of exercises for each student, drawn by their number."""

from pathlib import Path

from .options import show, write_texts
from .out import new_folder

check_out = new_folder


def add(commands):
    parser = commands.add_parser(
        "variants",
        help="draw a sheet of exercises for each student, by their number",
        description="With --out: NAME/90_own.ipynb for each line of a class list, and drawn.csv "
        "for the teacher, with who has which mistake to find. The same number gives the same sheet "
        "on every machine; `grade --students FILE` knows whose is whose.",
    )
    option = parser.add_argument
    sheet = "its text, in which <<name>> stands for what is drawn (default: the course's own)"
    option("students", metavar="FILE", help="the class list: CSV with the columns name and number")
    option("--sheet", metavar="FILE", default="notebooks/teacher/own_sheet.md", help=sheet)
    return parser


def run(options):
    import nbformat

    from ..course.classroom import laws_90, masters, report, variants

    if not Path(options.sheet).is_file():
        raise ValueError(
            f"--sheet {options.sheet}: there is no such file here; the course's own lies in the "
            "project's folder"
        )
    students = variants.class_list(options.students)
    text = Path(options.sheet).read_text(encoding="utf-8-sig")
    rows, texts = [], {}
    for name, number in students.items():
        master = variants.sheet(text, number, laws_90.values(number))
        texts[f"{name}/90_own.ipynb"] = nbformat.writes(masters.student(master)) + "\n"
        rows.append({"name": name, "number": number, **laws_90.in_words(number)})
    if options.out:
        write_texts(options.out, {**texts, "drawn.csv": report.as_csv(rows)})
    count = len({row["mistake"] for row in rows})
    where = f", in {options.out}" if options.out else "; --out FOLDER writes them"
    show(options, rows, f"{len(rows)} sheets{where}; {count} different mistakes to find")
