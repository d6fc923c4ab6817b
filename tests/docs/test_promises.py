"""The README's promises: no file runs code, and each promise has a test that is there."""

import ast
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from helpers.models import small_gpt
from lora_np import LoRA, load_adapter, load_gpt2
from lora_np.checkpoint import load_llama, load_tokenizer, save_adapter, save_gpt2
from lora_np.train import AdamW
from lora_np.train.resume import load_state

ROOT = Path(__file__).parents[2]
RUNS_CODE = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "runpy"}


class Payload:
    """Unpickled, it writes a file: what a file from a stranger must never get to do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "it ran")


LOADERS = {
    "GPT-2": lambda path: load_gpt2(path),
    "adapter": lambda path: load_adapter(small_gpt(dtype=np.float32), path),
    "Llama": lambda path: load_llama(path),
    "GGUF": lambda path: load_llama(path / "model.gguf"),
    "tokenizer": lambda path: load_tokenizer(path),
    "state": lambda path: resume(path / "model.safetensors"),
}


def resume(path):
    model = LoRA(2).apply(small_gpt(dtype=np.float32), np.random.default_rng(0))
    load_state(path, model, AdamW(model.trainable_parameters()), np.random.default_rng(0))


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
def test_a_pickle_in_a_files_place_is_refused_and_never_run(load, tmp_path):
    ran = tmp_path / "ran"
    model = small_gpt(dtype=np.float32)
    save_gpt2(model, tmp_path)
    save_adapter(LoRA(2).apply(model, np.random.default_rng(0)), tmp_path)
    for path in [*tmp_path.iterdir(), tmp_path / "model.gguf", tmp_path / "tokenizer.json"]:
        path.write_bytes(pickle.dumps(Payload(ran)))
    with pytest.raises((ValueError, OSError, ImportError)):
        load(tmp_path)
    assert not ran.exists()


def test_nothing_in_the_package_unpickles_or_evaluates():
    """The classroom is there to run a student's code, in a process of its own, and says so."""
    for path in sorted(ROOT.glob("lora_np/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & RUNS_CODE, f"{path}:{node.lineno}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if "classroom" not in path.parts:
                    runs = node.func.id in ("eval", "exec", "compile")
                    assert not runs, f"{path}:{node.lineno}"
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                never = isinstance(node.value, ast.Constant) and node.value.value is False
                assert never, f"{path}:{node.value.lineno}"


def test_no_script_passes_over_what_it_is_given():
    """A word that it does not know is an error, and --help says what it does."""
    reads = re.compile(
        r"\.parse_\w*args\(|worked\.main\(|import .*\bmain\b"
    )  # or another's main does
    for folder in ("lora_np", "notebooks", "benchmarks", "site", "tests"):
        for path in sorted(ROOT.glob(f"{folder}/**/*.py")):
            text = path.read_text("utf-8")
            if (
                '\nif __name__ == "__main__":\n' in text and path.name != "nano.py"
            ):  # it has one page
                assert reads.search(text), path


def test_each_promise_of_the_readme_names_tests_that_are_there():
    section = (ROOT / "README.md").read_text("utf-8").split("## What it promises")[1]
    rows = re.findall(r"^\| \*\*.*\|$", section.split("\n## ")[0], re.M)
    assert len(rows) == 7
    for row in rows:
        tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row)
        assert tests, row
        for path, name in tests:
            source = (ROOT / path).read_text("utf-8")
            assert not name or f"def {name}(" in source, f"{path} has no {name}"
