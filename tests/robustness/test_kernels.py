"""The command that runs tests under every kernel: what its table says, and its exit status."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from robustness import kernels
from robustness.kernels import Run, main, probe, runs_here

USUAL, _ = probe(Run("default", 1))
needs_openblas = pytest.mark.skipif(USUAL is None, reason="NumPy's products are not OpenBLAS's")


@pytest.fixture
def table(tmp_path, capsys, monkeypatch):
    """(exit status, the table's last row, all that is printed) for a file of tests."""
    monkeypatch.setenv("PYTEST_ADDOPTS", f"--rootdir={tmp_path} -p no:cacheprovider")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a second a process
    monkeypatch.setattr(kernels, "runs_here", lambda *options: [Run("default", 1)])

    def run(text):
        (tmp_path / "test_it.py").write_text(text)
        status = main([str(tmp_path / "test_it.py")])
        printed = capsys.readouterr().out
        return status, printed.splitlines()[-1].split(), printed

    return run


@pytest.mark.long
def test_what_passes(table):
    skipped = "import pytest\ndef test_b():\n    pytest.skip()"
    status, row, _ = table(f"def test_a():\n    pass\n{skipped}\n")
    assert status == 0 and row[:4] == ["default", "1", "-", "1"] and row[5:] == ["-"]


@pytest.mark.long
def test_what_fails_is_named_and_shown(table):
    status, row, printed = table(
        "import pytest\n@pytest.fixture\ndef broken():\n    yield\n    assert 2 == 3\n"
        "def test_a():\n    pass\ndef test_b():\n    assert 0 == 1\ndef test_c(broken):\n    pass\n"
    )
    assert status == 1 and row[3] == "1"
    assert row[5:] == ["test_it.py::test_b,", "test_it.py::test_c"]
    assert "assert 0 == 1" in printed and "assert 2 == 3" in printed


@pytest.mark.long
def test_a_process_that_dies_is_a_row_that_says_in_which_test(table):
    died = "import os, signal\ndef test_b():\n    os.kill(os.getpid(), signal.SIGTERM)\n"
    status, row, _ = table(f"def test_a():\n    pass\n{died}")
    assert status == 1 and row[3] == "1" and row[5] == "test_it.py::test_b,"
    if os.name == "posix":
        assert row[6:] == ["pytest", "ended:", "SIGTERM"]


@pytest.mark.long
def test_a_file_that_does_not_load_and_one_without_tests_are_failures(table):
    status, row, _ = table("import no_such_module")
    assert status == 1 and row[5] == "test_it.py,"
    status, row, _ = table("")
    assert status == 1 and row[5:] == ["pytest", "ended:", "exit", "status", "5"]


@pytest.mark.long
@needs_openblas
def test_what_is_not_here_is_told_and_not_run(capsys, monkeypatch):
    """A kernel that the processor lacks, or OpenBLAS does not know, and more threads than cores."""
    assert runs_here(["NoSuchKernel"], [1]) == []
    assert f"{Run('NoSuchKernel', 1)} (runs as ['{USUAL[0]}', 1])" in capsys.readouterr().out
    runs = runs_here(["default"], [1, 10_000], "512")
    assert runs == [Run(USUAL[0], 1), Run(USUAL[0], 1, "512")]
    monkeypatch.setattr(kernels, "PROBE", "import os; os.abort()")
    assert runs_here(["default"], [1]) == [Run("default", 1)]  # nothing to choose from
    assert main(["--kernels", "others"]) == 0
    assert "not here: a choice" in capsys.readouterr().out


@pytest.mark.long
@needs_openblas
def test_others_are_all_but_the_default(capsys):
    runs = runs_here(["others"], [1])
    assert USUAL[0] not in {run.kernel for run in runs}
    told = capsys.readouterr().out
    for kernel in kernels.KERNELS:
        assert kernel == USUAL[0] or Run(kernel, 1) in runs or f"not here: {kernel}" in told


@pytest.mark.long
@needs_openblas
def test_a_run_is_set_in_its_own_process_alone(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    environment = Run("default", 1, "512").environment()
    assert environment["OPENBLAS_NUM_THREADS"] == "1" and environment["OPENBLAS_L2_SIZE"] == "512"
    assert "OPENBLAS_CORETYPE" not in environment and environment["PATH"] == os.environ["PATH"]
    assert "OPENBLAS_L2_SIZE" not in Run("Haswell", 1).environment()


def test_what_training_decides_lies_where_lessons_are_looked_for():
    """Else .ci/run would leave it out, as the README's command does."""
    places = set(map(Path, kernels.LESSONS))
    for path in kernels.TESTS.rglob("test_*.py"):
        if re.search(r"mark\.every_kernel", path.read_text("utf-8")):
            assert places & {path, *path.parents}, path


def test_help_says_what_there_is():
    done = subprocess.run(
        [sys.executable, kernels.__file__, "--help"], capture_output=True, text=True, check=True
    )
    assert "default,Nehalem" in done.stdout.replace("\n", "") and "--inside" not in done.stdout
