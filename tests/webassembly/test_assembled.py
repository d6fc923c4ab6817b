"""The folder of Pyodide holds what was asked for and what that needs, each file as its hash says.

Without a network: npm and PyPI are stood in for.
"""

import importlib.util
import json
import re
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("packaging")


@pytest.fixture
def script(monkeypatch):
    """site/pyodide.py, under another name, for `pyodide` is a module of WebAssembly's Python."""
    spec = importlib.util.spec_from_file_location("assembling", ROOT / "site" / "pyodide.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "assembling", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pyodide(script, monkeypatch, tmp_path):
    """The script, where npm has two compiled wheels and PyPI two pure ones."""
    module, core = script, tmp_path / "core"
    core.mkdir()
    for name in module.CORE:
        (core / name).write_text(name)
    fast = wheel(tmp_path / "compiled", "fast", "2.0", ["slow>=1"])
    packages = {
        "fast": {"file_name": fast.name, "sha256": module.sha256(fast)},
        "absent": {"file_name": "absent-1-py3-none-any.whl", "sha256": "0"},
    }
    lock = {"info": {"python": "3.14.0"}, "packages": packages}
    (core / "pyodide-lock.json").write_text(json.dumps(lock))
    needs = ['fast; sys_platform == "emscripten"', 'never; sys_platform != "emscripten"']
    pure = [
        wheel(tmp_path / "pure", "pure_one", "1.0", [*needs, 'never; extra == "all"']),
        wheel(tmp_path / "pure", "slow", "1.5", []),
    ]
    monkeypatch.setattr(module, "unpacked", lambda cache: core)
    monkeypatch.setattr(module, "pure", lambda cache: [module.Wheel(p, "PyPI") for p in pure])
    return module


def wheel(folder, name, version, needs):
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "")
        lines = ["Metadata-Version: 2.1", *(f"Requires-Dist: {need}" for need in needs)]
        archive.writestr(f"{name}-{version}.dist-info/METADATA", "\n".join(lines))
    return path


def made(pyodide, tmp_path, *names, **options):
    options = {"wheels": tmp_path / "compiled", "cache": tmp_path / "cache", **options}
    return pyodide.assemble(tmp_path / "out", names, **options)


def test_what_is_needed_comes_too_and_the_lock_names_it(pyodide, tmp_path):
    own = wheel(tmp_path, "lora_np", "0.1", ["pure-one", "matplotlib", "slow<2"])
    found = made(pyodide, tmp_path, own=[own])
    assert [each.name for each in found] == ["fast", "lora-np", "pure-one", "slow"]
    lock = json.loads((tmp_path / "out" / "pyodide-lock.json").read_text())
    depends = {name: entry["depends"] for name, entry in lock["packages"].items()}
    assert depends["lora-np"] == ["pure-one", "slow"]  # a page without plots loads no matplotlib
    assert depends["pure-one"] == ["fast"] and lock["packages"]["pure-one"]["imports"] == [
        "pure_one"
    ]
    there = {path.name for path in (tmp_path / "out").iterdir()}
    files = {entry["file_name"] for entry in lock["packages"].values()}
    assert there == files | {*pyodide.CORE, "pyodide-lock.json"}
    for entry in lock["packages"].values():
        assert pyodide.sha256(tmp_path / "out" / entry["file_name"]) == entry["sha256"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["nowhere"], "nowhere is in neither pyodide-pure.txt nor Pyodide's distribution"),
        (["absent"], "without --wheels it would come from https://cdn.jsdelivr.net"),
        (["slow>=2"], "expected slow>=2, got slow-1.5"),
    ],
)
def test_what_is_not_there_is_named(pyodide, tmp_path, names, message):
    with pytest.raises(ValueError, match=message):
        made(pyodide, tmp_path, *names)
    assert not (tmp_path / "out").exists()


def test_a_wheel_that_is_another_is_refused(pyodide, tmp_path):
    with zipfile.ZipFile(tmp_path / "compiled" / "fast-2.0-py3-none-any.whl", "a") as archive:
        archive.writestr("fast/more.py", "")
    with pytest.raises(ValueError, match="its SHA-256 is [0-9a-f]{64}, expected"):
        made(pyodide, tmp_path, "fast")


def test_so_is_another_npm_package(script, tmp_path):
    (tmp_path / f"pyodide-{script.VERSION}.tgz").write_bytes(b"another")
    with pytest.raises(ValueError, match="its SHA-512 is .*, expected sK40My6m"):
        script.unpacked(tmp_path)


def test_every_pure_wheel_is_pinned_by_its_hash():
    lines = (ROOT / "site" / "pyodide-pure.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins and all(
        re.fullmatch(r"[a-z0-9-]+==\S+ --hash=sha256:[0-9a-f]{64}", p) for p in pins
    )


def test_both_lists_of_requirements_leave_the_same_out():
    """safetensors has no build for WebAssembly; there its rules are applied by our own code."""
    mark = 'safetensors>=0.7; sys_platform != "emscripten"'
    for name in ("requirements.txt", "pyproject.toml"):
        lines = (ROOT / name).read_text("utf-8").splitlines()
        assert [line for line in lines if "safetensors>=" in line and mark in line], name
        assert sum("safetensors>=" in line for line in lines) == 1, name
