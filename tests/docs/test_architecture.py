"""The tree is what ARCHITECTURE.md says: imports run downwards, files and functions stay small."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "lora_np"
ABOVE_ALL = ("__main__", "__init__")
PYTHON = [
    path
    for folder in ("lora_np", "tests", "benchmarks", "notebooks", "site")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "node_modules" not in path.parts
]
LINES, FUNCTION_LINES = 250, 50
NOT_KEPT = ("build", "mutants", "out")  # what git ignores: made by commands, the site among them


def captions():
    """{folder: caption} of ARCHITECTURE.md's tree, from the top down."""
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    return dict(re.findall(r"^\| `(\w+)/` \| (.*) \|$", page, re.M))


def folders(root):
    return {path.parent.name for path in root.glob("*/__init__.py")}


def imported(path):
    """Yield (line, room) for each folder or module of the package that the file imports."""
    here = ("lora_np", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = here[: len(here) - node.level + 1] if node.level else ()
        dotted = (*base, *(node.module.split(".") if node.module else ()))
        if dotted[:1] == ("lora_np",):
            for room in dotted[1:2] or [alias.name for alias in node.names]:
                if not room.startswith("__"):  # __version__ stands above all, and imports nothing
                    yield node.lineno, room


def test_every_folder_has_its_caption_in_the_readme_and_the_architecture():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert set(captions()) == folders(PACKAGE)
    for folder, caption in captions().items():
        assert f"| · `{folder}/` | {caption} |" in readme, folder
    for path in ROOT.iterdir():
        if path.is_dir() and not path.name.startswith(".") and any(path.rglob("*.py")):
            assert f"| `{path.name}/` |" in readme or path.name in NOT_KEPT, path.name


def test_only_these_modules_stand_outside_the_folders():
    loose = {path.stem for path in PACKAGE.glob("*.py")}
    assert loose == {"gradcheck", "nano", *ABOVE_ALL}


def test_imports_run_downwards():
    floor = {name: i for i, name in enumerate(reversed(captions()))}
    floor |= {"gradcheck": floor["nn"] + 0.5, "nano": -1} | dict.fromkeys(ABOVE_ALL, len(floor))
    for path in sorted(PACKAGE.rglob("*.py")):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for line, room in imported(path):
            assert room == own or floor[room] < floor[own], f"{path}:{line} imports {room}"


def test_a_file_is_read_in_one_sitting_and_a_function_on_one_screen():
    for path in PYTHON:
        source = path.read_text("utf-8")
        assert source.count("\n") <= LINES, f"{path}: over {LINES} lines"
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                length = node.end_lineno - node.lineno + 1
                assert length <= FUNCTION_LINES, f"{path}: {node.name}: {length} lines"
