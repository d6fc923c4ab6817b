"""JSON nested without end is an error that says so, wherever JSON is read.

A parser that calls itself for each bracket would end the process where the stack is small, as in a
web page. tests/system/test_json_text.py sees to it that no other parser is called.
"""

import json
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from lora_np.checkpoint.bitsandbytes import STATE_LIMIT, read_state
from lora_np.checkpoint.safetensors_check import check_by_rules
from lora_np.checkpoint.safetensors_io import open_tensors, read_json
from lora_np.checkpoint.safetensors_write import save_tensors
from lora_np.cli.card import peft_reads
from lora_np.cli.folders import same_run
from lora_np.course.classroom import apart, masters
from lora_np.recipes import sweep
from lora_np.system.json_text import DEEPEST
from lora_np.tasks import text
from lora_np.tasks.worlds import orders
from lora_np.train.resume import KEY, load_state
from robustness.fuzz_states import CELL, run

DEEP = ["[" * 200_000, '{"a":' * 100_000, "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1)]


def in_file(read, name="it"):
    """A reader of a folder whose file `name` holds the text."""

    def reads(folder, words):
        (folder / name).write_text(words)
        return read(folder / name)

    return reads


def in_header(read):
    def reads(folder, words):
        (folder / "it").write_bytes(len(words).to_bytes(8, "little") + words.encode())
        return read(folder / "it")

    return reads


def opened(path):
    with open_tensors(path):
        pass


def a_state(folder, words):
    model, optimizer, rng, _ = run()
    save_tensors({"a": np.ones(1, "f4")}, folder / "it", {KEY: words})
    load_state(folder / "it", model, optimizer, rng)


class Connection:
    def __init__(self, words):
        self.recv_bytes = lambda limit: words.encode()


READERS = {
    "settings": in_file(read_json),
    "a header": in_header(opened),
    "a header, without the library": in_header(check_by_rules),
    "a 4-bit state": lambda _, words: read_state(np.frombuffer(words[:STATE_LIMIT].encode(), "u1")),
    "a training state": a_state,
    "a run": in_file(lambda path: same_run(path.parent, True, []), "run.json"),
    "an adapter's kind": in_file(lambda path: peft_reads(path.parent), "adapter_config.json"),
    "a sweep's result": lambda folder, words: in_file(
        lambda path: sweep.read(path, CELL), sweep.path_of(CELL, Path()).name
    )(folder, words),
    "rows": in_file(text.file, "it.jsonl"),
    "a notebook": in_file(masters.read),
    "an answer's message": lambda _, words: apart.receive(Connection(words)),
}


REFUSED = r"nested [\d,]+ deep, expected at most 127|invalid JSON in header"  # the library's words


@pytest.mark.parametrize("what", READERS)
@pytest.mark.parametrize("words", DEEP, ids=["lists", "objects", "one more than is read"])
def test_it_is_refused(tmp_path, what, words):
    with pytest.raises(ValueError, match=REFUSED):
        READERS[what](tmp_path, words)


def test_what_a_model_writes_is_then_another_answer():
    assert not orders.same(DEEP[1] + "}", "{}") and orders.same('so: {"a": 1}', '{"a":1}')


def test_a_sweep_keeps_nothing_that_it_could_not_read(tmp_path):
    """A result that is too deep fails its cell; a cell that is, is refused before any work."""
    deep = json.loads(DEEP[2])
    with pytest.raises(sweep.Unfinished, match="nested 129 deep"):
        sweep.sweep([{"a": 1}], lambda cell: deep, tmp_path, Here())
    assert not [*tmp_path.iterdir()]
    with pytest.raises(ValueError, match="expected cells that JSON can hold"):
        sweep.sweep([{"a": deep}], None, tmp_path)


class Here:
    """An executor that runs what it is given at once."""

    def submit(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future
