"""Damage what is read beside models: states, sweeps, texts, notebooks; and links and short files.

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

from lora_np import GPT, AdamW, GPTConfig, LoRA
from lora_np.cli.sweep import check_result
from lora_np.cli.sweep import table as sweep_table
from lora_np.course.classroom.grade import Limits, Submission, wanted
from lora_np.course.classroom.report import as_numbers, csv_text, explanations, feedback, table
from lora_np.recipes.sweep import path_of, read, write
from lora_np.tasks import text
from lora_np.train import History
from lora_np.train.resume import KEY, load_state, save_state
from robustness.damage import ODD, change_header, change_value
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
    reading = text.file(at / "text.txt")
    next(reading.batches(np.random.default_rng(0), 2, 16))
    next(reading.held_out_batches(2, 2, 16))


def load_notebook(at, base):
    """All but to run what it holds: read, sorted by exercise, and reported."""
    submission = Submission("student", at / "student.ipynb")
    for _, cells in wanted(submission):
        assert cells is None or all(isinstance(cell, str) for cell in cells)
    made = table, csv_text, explanations, lambda s: feedback(s[0])
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


def sources(made):
    made = pathlib.Path(made)
    for name in ("state", "sweep", "text", "notebook"):
        (made / name).mkdir(exist_ok=True)
    save_state(made / "state" / "state.safetensors", *run())
    write(path_of(CELL, made / "sweep"), CELL, RESULT)
    (made / "text" / "text.txt").write_text("A line of words, caf\u00e9.\n\n" * 400, "utf-8")
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
