"""The command `check`: what it says where the subject is no module, or a law's name is another."""

import sys

import pytest

from lora_np.__main__ import main

SUBJECT = "def make(W, rank, alpha): return W\n\n\ndef forward(W, x): return x @ W\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder of its own, which the command puts first where modules are looked for."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", {**sys.modules})
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\ndef make(:\n", "line 2: SyntaxError: invalid syntax, in the line: def make(:;"),
        ("import json\njson.loads('{')", "line 2: JSONDecodeError: Expecting property name"),
        ("W = 1\nW @ W", "line 2: TypeError: unsupported operand"),
        ("import no_such_library", "line 1: ModuleNotFoundError: No module named 'no_such_lib"),
        ("import sys\nsys.exit(1)", "line 2: SystemExit: 1, in the line: sys.exit(1);"),
        ("assert False", "line 1: AssertionError, in the line: assert False;"),
    ],
)
@pytest.mark.parametrize("subject", ["mine_own.py", "mine_own", "uses_mine.py"])
def test_what_cannot_be_imported_is_said_with_its_line_and_breaks_no_law(
    subject, text, message, here, capsys
):
    (here / "mine_own.py").write_text(text, "utf-8")
    (here / "uses_mine.py").write_text("import mine_own", "utf-8")
    assert main(["check", subject]) == 2
    said = capsys.readouterr().err
    assert f"{here / 'mine_own.py'}, {message}" in said and said.count("\n") == 1
    assert said.endswith("; it cannot be imported, no law was tried\n")


@pytest.mark.parametrize(("name", "said"), [("gone_from_here", "No module named"), ("", "''")])
def test_what_is_no_module_at_all(name, said, capsys):
    assert main(["check", name]) == 2
    assert said in capsys.readouterr().err


STATEMENT = "it starts at the base"


@pytest.mark.parametrize(
    "typed", [[STATEMENT], STATEMENT.split(), [STATEMENT.replace(" ", "_")], [f" {STATEMENT}"]]
)
def test_a_law_is_named_as_a_report_prints_it(typed, here, capsys):
    (here / "mine_own.py").write_text(SUBJECT, "utf-8")
    assert main(["check", "mine_own.py", "--law", *typed]) == 0
    assert f"holds           {STATEMENT}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("the scale is alpha over root", "did you mean 'the_scale_is_alpha_over_r'?"),
        ("zero_stays_zer0", "did you mean 'zero_stays_zero'?"),
        ("merging", "did you mean 'merging_again_adds_nothing' or 'unmerging_gives"),
        ("quux", "; there are "),
        ("", "; there are "),
    ],
)
def test_a_law_that_is_none_says_which_may_be_meant_in_a_short_line(typed, said, here, capsys):
    (here / "mine_own.py").write_text(SUBJECT, "utf-8")
    assert main(["check", "mine_own.py", "--law", typed]) == 2
    error = capsys.readouterr().err
    assert f"there is no law {typed!r}" in error and said in error and len(error) < 250
