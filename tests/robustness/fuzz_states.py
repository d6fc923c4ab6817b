"""Damage what is read beside models: states, sweeps, texts, JSONL, folders, notebooks; and links.

    PYTHONPATH=tests python tests/robustness/fuzz_states.py [--trials 20000] [--only notebook]

As fuzz_files.py, whose ways to damage a file are used here: any exception but ValueError or
OSError, more than a minute of processor time or more memory than the limit is wrong.
"""

import functools
import json
import pathlib
import struct

import nbformat
import numpy as np

from helpers import talkers
from lora_np import GPT, AdamW, GPTConfig, LoRA
from lora_np.cli.sweep import check_result
from lora_np.cli.sweep import table as sweep_table
from lora_np.course.classroom.grade import Limits, wanted
from lora_np.course.classroom.handed_in import Submission
from lora_np.course.classroom.pages import feedback as page
from lora_np.course.classroom.pages import marks
from lora_np.course.classroom.report import as_numbers, explanations, feedback, table
from lora_np.recipes.sweep import path_of, read, write
from lora_np.tasks import text
from lora_np.train import History
from lora_np.train.resume import KEY, load_state, save_state
from robustness.damage import ODD, change_header, change_value, nest
from robustness.fuzz_files import Source, main

CELL = {"method": "lora", "rank": 2, "lr": 0.1, "seed": 0, "data": "code"}
RESULT = {"trained": 7, "base": {"code": 1.5, "prose": 2.5}, "after": {"code": 1.0, "prose": 2.0}}
CONFIG = GPTConfig(vocab_size=7, n_positions=8, n_embd=8, n_layer=1, n_head=2)


@functools.cache
def run():
    """A model in training: what a state is written from, and into."""
    rng = np.random.default_rng(0)
    model = LoRA(2, 3.0).apply(GPT(CONFIG, rng), rng)
    history = History([1.5, 1.25], [1.0, 0.5], [{"step": 0, "code": 1.5}], 0.5, 0.25)
    return model, AdamW(model.trainable_parameters()), rng, history


def load_training_state(at, base):
    """Refused with nothing written, or written whole."""
    model, optimizer, rng, _ = run()
    before = [p.data.tobytes() for p in model.parameters()], rng.bit_generator.state
    try:
        load_state(at / "state.safetensors", model, optimizer, rng).curve("code")
    except ValueError:
        assert before == ([p.data.tobytes() for p in model.parameters()], rng.bit_generator.state)
        raise
    assert all(np.isfinite(p.data).all() for p in model.parameters())


def change_state(data, rng):
    """As change_header, or something odd in the JSON that the header holds."""
    if rng.random() < 0.3:
        return change_header(data, rng)
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"][KEY] = json.dumps(
        change_value(json.loads(header["__metadata__"][KEY]), rng)
    )
    changed = json.dumps(header).encode()
    return struct.pack("<Q", len(changed)) + changed + data[8 + length :]


def load_sweep(at, base):
    path = path_of(CELL, at)
    if path.exists():
        result = read(path, CELL)
        check_result(result, path)
        sweep_table([{"cell": CELL, "result": result}])


def load_text(at, base):
    use(text.file(at / "text.txt"))


def load_rows(at, base):
    use(text.file(at / "rows.jsonl", talkers.ByteTokenizer()))


def load_folder(at, base):
    use(text.file(at))


def use(reading):
    """Read, described, and in training."""
    str(reading).encode("utf-8")
    assert min(reading.documents) > 0
    next(reading.batches(np.random.default_rng(0), 2, 16))
    next(reading.held_out_batches(2, 2, 16))


def load_notebook(at, base):
    """All but to run what it holds: read, sorted by exercise, and reported."""
    submission = Submission("student", at / "student.ipynb")
    for _, cells in wanted(submission):
        assert cells is None or all(isinstance(cell, str) for cell in cells)
    made = table, explanations, lambda s: marks(s, [])
    made += tuple(lambda s, of=of: of(s[0]) for of in (feedback, page))
    for report in made:
        report([submission]).encode("utf-8", "replace")
    json.dumps(as_numbers([submission], Limits()))
    if submission.problem:
        raise ValueError(submission.problem)


def change_notebook(data, rng):
    """As change_json, with what a notebook's fields could hold."""
    notebook = json.loads(data)
    cells = notebook.get("cells")
    kind = rng.random()
    if kind < 0.4 and cells:
        cell, odd = cells[rng.integers(len(cells))], [*ODD, *ODD_TEXTS]
        key = ["id", "cell_type", "source", "metadata", "outputs"][rng.integers(5)]
        cell[key] = odd[rng.integers(len(odd))]
        if rng.random() < 0.3:
            cell["metadata"] = {"nbgrader": odd[rng.integers(len(odd))]}
    elif kind < 0.5:
        notebook["nbformat"] = ODD[rng.integers(len(ODD))]
    else:
        notebook = change_value(change_value(notebook, rng), rng)
    return json.dumps(notebook).encode()


ODD_TEXTS = [
    "# Exercise 5.1\nx = 1",
    "# Exercise " + "9" * 5000 + ".1",
    "## Exercise 99.1",
    "\ud800",
    "# Exercise \u0663.1",
    "# Exercise 0.0",
    'check("5.1", x)',
    "a\0b",
    "x" * 10**6,
    ["# Exercise 5.1\n", "x = 2"],
    {"grade_id": "answer-" + "9" * 5000 + "-1"},
    {"grade_id": ["answer-5-1"]},
    {"grade_id": "answer-5-1"},
    {"grade_id": {"a": [1]}},
]


def odd_text(data, rng):
    long = b"word " * 10**6
    return [
        b"",
        b"\n" * 10**6,
        long,
        data.decode().encode("utf-16"),
        b"\0" * 10**5,
        data.decode().encode("utf-16-le"),
        b"\xef\xbb\xbf" + data,
        b"a\r\n\r\nb" * 5000,
        ("\u00e9" * 5000).encode("latin-1"),
        b"\x1b[2J" * 5000,
    ][rng.integers(10)]


def change_rows(data, rng):
    """Something odd in one row of JSONL, or bytes that are none."""
    if rng.random() < 0.2:
        return odd_text(data, rng)
    rows = data.split(b"\n")
    i = rng.integers(len(rows))
    row = json.loads(rows[i])
    kind = rng.random()
    if kind < 0.5:
        key = list(row)[rng.integers(len(row))]
        odd = [*ODD, *ODD_TEXTS]
        row[key] = odd[rng.integers(len(odd))]
    else:
        row = change_value(row, rng)
    rows[i] = json.dumps(row).encode() if kind < 0.9 else nest(data, rng)
    return b"\n".join(rows)


def change_file(data, rng):
    """As change_rows for JSONL, as odd_text for other files."""
    return (change_rows if data.startswith(b"{") else odd_text)(data, rng)


def rows(kind, n=40):
    """JSONL of one kind, in bytes."""
    made = {
        "text": lambda i: {"text": f"Row {i} says this.\n\nAnd that, caf\u00e9."},
        "pairs": lambda i: {"prompt": f"{i} + 1 =", "completion": f" {i + 1}"},
        "chat": lambda i: {
            "messages": [
                {"role": "user", "content": f"What is {i}?"},
                {"role": "assistant", "content": "A number."},
            ]
        },
    }[kind]
    return "\n".join(json.dumps(made(i)) for i in range(n)).encode()


def sources(made):
    made = pathlib.Path(made)
    kinds = "text", "pairs", "chat"
    names = "state", "sweep", "text", "notebook", "folder", *(f"rows {kind}" for kind in kinds)
    for name in names:
        (made / name).mkdir(exist_ok=True)
    save_state(made / "state" / "state.safetensors", *run())
    write(path_of(CELL, made / "sweep"), CELL, RESULT)
    (made / "text" / "text.txt").write_text(
        "\n\n".join(f"Line {i}, caf\u00e9." for i in range(400)), "utf-8"
    )
    for kind in kinds:
        (made / f"rows {kind}" / "rows.jsonl").write_bytes(rows(kind))
        yield Source(f"rows {kind}", made / f"rows {kind}", load_rows, damage=change_rows)
    (made / "folder" / "a.jsonl").write_bytes(rows("text"))
    (made / "folder" / "b.md").write_text("A line of words, caf\u00e9.\n\nAnother.\n" * 99, "utf-8")
    (made / "folder" / "c.py").write_text("def f():\n    return 1\n\n\n" * 99, "utf-8")
    (made / "folder" / "d.txt").write_text("One sample a line.\n" * 99, "utf-8")
    yield Source("folder", made / "folder", load_folder, damage=change_file)
    cell = nbformat.v4
    notebook = cell.new_notebook(
        cells=[
            cell.new_markdown_cell("# Lesson 5"),
            cell.new_code_cell("import numpy as np"),
            cell.new_markdown_cell("## Exercise 5.1"),
            cell.new_code_cell("# Exercise 5.1\nx = 1"),
            cell.new_markdown_cell(
                "Because.", metadata={"nbgrader": {"grade_id": "explanation-5-1"}}
            ),
            cell.new_code_cell("y = 1", metadata={"nbgrader": {"grade_id": "answer-5-2"}}),
            cell.new_code_cell('check("5.1", x)'),
        ]
    )
    nbformat.write(notebook, made / "notebook" / "student.ipynb")
    yield Source("state", made / "state", load_training_state, damage=change_state)
    yield Source("sweep", made / "sweep", load_sweep)
    yield Source("text", made / "text", load_text, damage=odd_text)
    yield Source("notebook", made / "notebook", load_notebook, damage=change_notebook)


if __name__ == "__main__":
    main(sources)
