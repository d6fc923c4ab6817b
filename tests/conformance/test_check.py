"""What `check` says, the command, and the parameters for pytest, on a subject in ten lines."""

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from conformance.mutants_layers import AlphaIsTheScale, BothStartAtZero
from conformance.reference import Reference
from lora_np.__main__ import main
from lora_np.conformance import LAWS, Subject, check, find, parametrize_with_laws
from lora_np.conformance.drawn import shown
from lora_np.conformance.law import law

PAGE = (Path(__file__).parents[2] / "notebooks" / "YOUR_OWN_LORA.md").read_text("utf-8")
SCALE = "the_scale_is_alpha_over_r"


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    """The command puts a subject's folder first, and here one has a file random.py."""
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_a_break_is_told_with_its_smallest_input_and_the_likely_mistake():
    report = check(AlphaIsTheScale(), [SCALE])
    outcome = report[SCALE]
    A, B, alpha = (outcome.inputs[name] for name in ("A", "B", "alpha"))
    assert A.shape == B.T.shape == (2, 2) and outcome.inputs["x"].shape == (1, 2)
    assert outcome.got == pytest.approx(alpha) and outcome.expected == alpha / 2
    said = str(report)
    assert "alpha itself is the scale: divide it by r" in said
    assert "notebooks/03_rank_alpha_init.ipynb" in said
    assert said.endswith("0 laws hold, 1 broken, 0 do not apply")  # a terminal shows the end
    numbers = json.loads(json.dumps(report.as_numbers()))
    assert numbers["laws"][0]["status"] == "broken" and numbers["laws"][0]["input"]["W"]


def test_every_law_has_its_reason_its_lesson_and_a_name_of_its_own():
    assert len({each.name for each in LAWS}) == len(LAWS) > 70
    root = Path(__file__).parents[2]
    for each in LAWS:
        assert each.reason and each.mistake and (root / each.lesson).is_file(), each.name
        assert find(each.name) is each


def test_what_is_missing_skips_its_laws_by_name():
    def make(W, rank, alpha):
        return W

    report = check({"make": make, "forward": lambda W, x: x @ W}, examples=2)
    assert report["it_starts_at_the_base"].status == "holds"
    assert report["merged_equals_forward"].missing == ("set_factors", "merge")
    assert report["the_bias_is_added_once"].missing == ("set_factors", "make(…, bias=)")
    with pytest.raises(ValueError, match="none of a subject's functions"):
        check(object())
    with pytest.raises(ValueError, match="there is no law 'scale'"):
        check(Reference(), ["scale"])


def test_a_documented_difference_is_none_of_the_breaks():
    subject = AlphaIsTheScale()
    subject.differs = {SCALE: "its README"}
    report = check(subject, [SCALE])
    assert not report.broken and report.differs[0].documented == "its README"
    assert "documented: its README" in str(report)


def test_an_error_and_an_input_that_is_not_taken():
    class Raises(Reference):
        def forward(self, layer, x):
            raise KeyError("gone")

    class OnlySquare(Reference):
        def make(self, W, rank, alpha):
            if len(W) != W.shape[1]:
                raise NotImplementedError("square weights alone")
            return super().make(W, rank, alpha)

    class Never(Reference):
        def make(self, W, rank, alpha):
            raise NotImplementedError("not yet")

    assert (
        "KeyError: 'gone', in the line: raise KeyError" in check(Raises(), [SCALE]).broken[0].what
    )
    assert check(OnlySquare(), [SCALE]).holds
    assert check(Never(), [SCALE]).not_applicable[0].missing == ("not implemented: not yet",)


def test_an_error_of_what_came_names_no_line_and_of_two_errors_one_is_told():
    class GivesNothing(Reference):
        def forward(self, layer, x):
            return None

    class RaisesTwo(Reference):
        def make(self, W, rank, alpha):
            raise (KeyError if len(W) == W.shape[1] else IndexError)("gone")

    said = check(GivesNothing(), [SCALE]).broken[0].what
    assert said.startswith("TypeError: ") and "in the line" not in said
    said = check(RaisesTwo(), [SCALE]).broken[0].what
    assert re.match(r"(Key|Index)Error: .*in the line: raise \(KeyError if", said)


def test_what_is_no_array_of_numbers_is_said():
    class Words(Reference):
        def forward(self, layer, x):
            return "y"

    (outcome,) = check(Words(), ["it_starts_at_the_base"]).broken
    assert outcome.mistake == "what came is no array of numbers" and outcome.got == "y"


def test_a_report_names_its_subject():
    class Unnamed(Reference):
        name = None

    for subject, name in ((Reference(), Reference.name), (Unnamed, "Unnamed"), (np, "numpy")):
        found = Subject(subject if subject is not np else {"make": len, "__name__": "numpy"})
        assert found.name == name


def test_a_law_of_ones_own_is_tried_as_ours_are():
    @law("make forward", "it is not linear", 3)
    def twice_x_is_twice_y(s, x, W, alpha, rank):
        """Without a bias."""
        layer = s.make(W, rank, alpha)
        s.same("y of 2x", s.forward(layer, 2 * x), 2 * s.forward(layer, x))

    assert twice_x_is_twice_y.needs == ("make", "forward")
    assert twice_x_is_twice_y.settings == twice_x_is_twice_y.methods == ()
    assert twice_x_is_twice_y.statement == "twice x is twice y"
    assert check(Reference(), [twice_x_is_twice_y]).holds
    squared = {"make": lambda W, rank, alpha: W, "forward": lambda W, x: (x @ W) ** 2}
    assert "likely: it is not linear" in str(check(squared, [twice_x_is_twice_y]).broken[0])


def test_an_input_is_shown_on_one_short_line():
    drawn = {"sizes": {"q": 2, "k": 1}, "alpha": 1 / 3, "x": np.eye(2), "w": np.arange(999) / 7}
    sizes, alpha, x, w = shown(drawn)
    assert (sizes, alpha) == ("sizes = q: 2, k: 1", "alpha = 0.333333")
    assert x == "x (2, 2) = [[1. 0.] [0. 1.]]" and "\n" not in w and len(w) < 180


def test_what_a_subject_cannot_do_is_not_taken_for_loud():
    class LoadsNothingStrange(Reference):
        def load(self, layer, state):
            if "not.a.key.of.this.layer" in state:
                raise NotImplementedError("keys of no layer are not looked at")
            return super().load(layer, state)

    report = check(LoadsNothingStrange(), ["an_unexpected_key_is_loud", "a_missing_key_is_loud"])
    assert [found.name for found in report.holds] == ["a_missing_key_is_loud"]
    assert report.not_applicable[0].missing[0].startswith("not implemented: keys of no layer")


def test_chance_is_named():
    class Random(Reference):
        def forward(self, layer, x):
            return super().forward(layer, x) + np.random.default_rng().integers(2)

    (outcome,) = check(Random(), ["merged_equals_forward"]).outcomes
    assert outcome.status == "broken"


def test_what_a_function_is_given_may_be_spoilt():
    class Spoils(Reference):
        def merge(self, layer):
            W = super().merge(layer).copy()
            layer.A[...] = 0
            return W

    assert check(Spoils(), [SCALE]).holds


@parametrize_with_laws(Reference(), laws=[SCALE, "it_starts_at_the_base"])
def test_parameters_for_pytest(law):
    law()


def test_the_parameters_fail_where_a_law_breaks():
    mark = parametrize_with_laws(
        BothStartAtZero(), laws=["it_starts_ready_to_learn", "zero_stays_zero"]
    )
    broken, absent = mark.args[1]
    assert (broken.id, absent.id) == ("it_starts_ready_to_learn", "zero_stays_zero")
    with pytest.raises(AssertionError, match="both factors start at zero"):
        broken.values[0]()
    assert absent.marks[0].name == "skip"


def test_the_pages_layer_breaks_as_the_page_says(tmp_path, monkeypatch, capsys):
    code = re.search(r"```python\n(.*?)```", PAGE, re.S)[1]
    (tmp_path / "my_lora.py").write_text(code, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["check", "my_lora.py", "--law", SCALE, "merged_equals_forward"]) == 1
    printed = capsys.readouterr().out
    shown = re.search(r"```\n(BROKEN.*?)```", PAGE, re.S)[1].split("    …\n")
    assert all(part in printed for part in shown), printed
    assert main(["check", "my_lora", "--law", "merged_equals_forward", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["laws"][0]["status"] == "holds"
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == []


@pytest.mark.parametrize("subject, said", [
    ("gone.py", "there is no file gone.py"), ("json:gone", "json has no gone"),
    ("json:dumps", "none of a subject's functions"), ("json", "no law could be tried on json"),
])  # fmt: skip
def test_what_is_no_subject_is_refused(subject, said, capsys):
    assert main(["check", subject]) == 2
    assert said in capsys.readouterr().err


def test_a_file_is_a_subject_whatever_its_name(tmp_path, capsys):
    """The name of a module that is loaded, or a colon as Windows has it, leads to no other."""
    for name in ("random.py", "C:\\my lora.py"):
        (tmp_path / name).write_text("def nothing_of_use(): ...", "utf-8")
        assert main(["check", str(tmp_path / name)]) == 2
        assert "has none of a subject's functions" in capsys.readouterr().err
    (tmp_path / "notes.txt").write_text("make", "utf-8")
    assert main(["check", str(tmp_path / "notes.txt")]) == 2
    assert "expected a file of Python" in capsys.readouterr().err


def test_a_subject_is_wrapped_once():
    assert check(Subject(Reference()), [SCALE]).holds


def test_what_the_pages_count_is_so():
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    assert "Some eighty laws" in readme and "Some eighty laws" in PAGE and 75 <= len(LAWS) <= 85


def test_the_table_is_that_of_the_stored_results(monkeypatch):
    folder = Path(__file__).parents[2] / "benchmarks" / "conformance"
    monkeypatch.syspath_prepend(folder)
    numbers = json.loads((folder.parent / "results" / "conformance.json").read_text("utf-8"))
    page = (folder / "TABLE.md").read_text("utf-8")
    assert importlib.import_module("page").made(numbers, LAWS) == page
    for row in numbers["subjects"]:
        assert {each["law"] for each in row["laws"]} <= {law.name for law in LAWS}
        assert row["library"] != "lora_np" or not [
            e for e in row["laws"] if e["status"] == "broken"
        ]
