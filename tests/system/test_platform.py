"""What a platform lacks is known in one place, and the package does its work without it."""

import ast
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import lora_np
from helpers.models import small_gpt
from lora_np.course.classroom import grade
from lora_np.objectives import cross_entropy
from lora_np.recipes import sweep
from lora_np.system import files, free_memory, platform, process, progress
from lora_np.system.extras import has_extra, spec_of
from lora_np.tasks import text
from lora_np.tasks.batch import next_token
from lora_np.train import step

PACKAGE = Path(lora_np.__file__).parent
ASKED = "sys.platform os.name time.time time.time_ns time.localtime datetime.datetime".split()
ASKED += ["time.process_time"]  # which ends in WebAssembly after 36 minutes: platform.cpu_seconds


def asked(path):
    """What the file asks of the platform itself."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ASKED:
            yield ast.unparse(node)
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
        yield from set(names) & {"fcntl", "resource", "msvcrt", "winreg", "pwd", "js", "pyodide"}


def test_nothing_else_asks_where_it_runs_or_what_time_it_is():
    """A clock that jumps changes nothing: only a chat template may ask for today's date."""
    own = "system/platform.py", "tokenizers/jinja.py", "course/classroom/worker.py"
    may = {PACKAGE / name for name in own}  # a worker is a process of its own
    for path in sorted({*PACKAGE.rglob("*.py")} - may):
        assert not set(asked(path)), path


@pytest.fixture
def stand_in(monkeypatch):
    """A module as JupyterLite has for what WebAssembly lacks: empty, and without a spec."""
    monkeypatch.setitem(sys.modules, "resource", types.ModuleType("resource"))


def test_a_stand_in_is_not_the_module(stand_in):
    assert platform.usable("resource", "getrlimit") is None
    assert platform.usable("no_such_module", "anything") is None
    assert platform.usable("math", "sqrt").sqrt(4) == 2
    assert spec_of("resource") is None and not has_extra("resource") and spec_of("math")


def test_a_page_is_where_jupyterlites_kernel_runs_in_webassembly(monkeypatch):
    for webassembly in (False, True):
        monkeypatch.setattr(platform, "WEBASSEMBLY", webassembly)
        monkeypatch.delitem(sys.modules, "pyodide_kernel", raising=False)
        assert platform.in_page() is False
        monkeypatch.setitem(sys.modules, "pyodide_kernel", types.ModuleType("pyodide_kernel"))
        assert platform.in_page() is webassembly


def test_nor_does_it_stand_in_the_way_of_the_librarys_code(stand_in):
    assert len(text.code().train) > 1e6


def gradients(threads):
    model = small_gpt(dtype=np.float32)
    batch = next_token(np.random.default_rng(0).integers(0, model.config.vocab_size, (8, 9)))
    loss = step.forward_backward(model, batch, cross_entropy, threads=threads)
    return [loss, *(p.grad.tobytes() for p in model.trainable_parameters())]


def test_without_threads_a_step_has_the_same_bits(monkeypatch):
    monkeypatch.setattr(step, "SHARD_ROWS", 4)
    expected = gradients(2)
    monkeypatch.setattr(process, "HAS_THREADS", False)
    monkeypatch.setattr(process, "pool", None)
    monkeypatch.setattr(process, "blas", None)
    assert gradients(2) == expected and process.cores() == 1


def test_without_threads_nothing_ticks(monkeypatch):
    monkeypatch.setattr(progress, "HAS_THREADS", False)
    monkeypatch.setattr(progress, "threading", None)
    with progress.every(0.0, pytest.fail):
        pass


def test_without_processes_a_sweep_runs_here(monkeypatch, tmp_path):
    monkeypatch.setattr(sweep, "HAS_PROCESSES", False)
    monkeypatch.setattr(sweep, "ProcessPoolExecutor", None)
    cells, ran = [{"a": a} for a in range(4)], []

    def run(cell):
        ran.append(cell)
        if cell["a"] == 2 and len(ran) < 5:
            raise FloatingPointError("it diverged")
        return {"square": cell["a"] ** 2}

    with pytest.raises(sweep.Unfinished, match="FloatingPointError: it diverged"):
        sweep.sweep(cells, run, tmp_path)
    assert [result["square"] for result in sweep.sweep(cells, run, tmp_path)] == [0, 1, 4, 9]
    assert len(ran) == 5  # what was kept is not run again


def test_without_processes_nothing_is_graded(monkeypatch, tmp_path):
    monkeypatch.setattr(grade, "HAS_PROCESSES", False)
    with pytest.raises(ValueError, match="process of its own, and there are none here"):
        grade.grade([tmp_path])


def test_without_locks_files_are_whole(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "fcntl", None)
    (tmp_path / "own.json").write_text("before")
    with pytest.raises(TypeError):
        files.write_json(tmp_path / "own.json", {"a": object()})
    assert (tmp_path / "own.json").read_text() == "before"
    files.write_json(tmp_path / "own.json", {"a": np.float32(1)})
    with files.whole_file(tmp_path / "one") as one, files.whole_file(tmp_path / "two") as two:
        one.write_text("1"), two.write_text("2")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "own.json", "two"]


def test_without_limits_free_memory_is_the_machines(monkeypatch):
    monkeypatch.setattr(free_memory, "resource", None)
    assert free_memory.free_bytes() > 0


def test_in_webassembly_it_is_known():
    lacking = sys.platform in ("emscripten", "wasi")
    assert platform.HAS_THREADS is platform.HAS_PROCESSES is not lacking
    with np.errstate(over="raise"):
        try:
            np.float32(3e38) * np.float32(10)
            assert not platform.HAS_FLOAT_FLAGS
        except FloatingPointError:
            assert platform.HAS_FLOAT_FLAGS
