"""Figures one can touch: their JavaScript computes what the package does, in any state."""

import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lora_np import cross_entropy, next_token
from lora_np.analysis.plots import subplots
from lora_np.course.interactive import live
from lora_np.course.interactive.answers import ANSWERS, answer
from lora_np.course.interactive.show import FOLDER, Interactive, sources
from lora_np.quant import quantize_nf4
from lora_np.quant.nf4 import MIDPOINTS
from lora_np.tokenizers.byte import encode

SCRIPT = Path(__file__).parents[1] / "helpers" / "figures.mjs"
SHARED = {"axes", "frame", "parts", "notebook"}  # modules that are no figure
LINES = 150  # of a module, so that it is read in one sitting
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")


@pytest.fixture(scope="module")
def javascript():
    """(figure, seed, or None for the first state) → (state, its numbers, its sentence), by Node."""
    node = subprocess.Popen(
        ["node", str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        encoding="utf-8",
    )  # fmt: skip

    def ask(name, seed):
        node.stdin.write(json.dumps([name, seed]) + "\n")
        node.stdin.flush()
        return json.loads(node.stdout.readline())

    yield ask
    node.stdin.close()
    node.stdout.close()
    node.wait()


def flat(value, at=""):
    """{where: number} of a nested result."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, item in items for k, v in flat(item, f"{at}.{key}").items()}
    return {at: value}


@needs_node
@pytest.mark.parametrize("name", ANSWERS)
def test_javascript_computes_what_the_package_does(javascript, name):
    @settings(max_examples=100)  # a figure may show seven methods, each with its own line
    @given(st.integers(0, 2**32 - 1))
    @example(None)
    def agrees(seed):
        state, numbers, said = javascript(name, seed)
        ours, theirs = flat(json.loads(answer(name, json.dumps(state)))), flat(numbers)
        assert ours.keys() == theirs.keys()
        same = np.isclose([theirs[at] for at in ours], [*ours.values()], rtol=1e-12, atol=1e-12)
        assert same.all(), [*ours][int(same.argmin())]
        assert said and not re.search("NaN|undefined|null", said)

    agrees()


@needs_node
def test_javascript_at_the_edges():
    """Large scores, a step, the sum of the first parts of a table, which is drawn and is no number
    of its own, and a weight at a midpoint, which has the lower code here too."""
    subprocess.run(["node", str(SCRIPT.with_name("figure_edges.mjs"))], check=True)
    codes = [quantize_nf4(np.float32([1, midpoint]), 2).codes for midpoint in MIDPOINTS]
    assert [int(each.flat[0]) & 15 for each in codes] == [*range(15)]


def asked(name, **state):
    return json.loads(answer(name, json.dumps(state)))


def test_a_descent_that_flies_off_ends_with_its_first_loss_of_a_hundred():
    """No random state has such a rate; figure_edges.mjs asks the same of JavaScript."""
    found = asked("landscape", start=[1.8, -1.8], target=1.5, rate=0.5, steps=40)
    *before, last = found["losses"]
    assert before and max(before) < 100 <= last and len(found["path"]) == len(found["losses"])


@pytest.mark.parametrize("way", ["SGD", "AdamW"])
def test_where_a_page_writes_whole_numbers_the_answer_is_the_same(way):
    """JavaScript writes 2.0 as 2."""
    state = {"rate": 0.01, "beta": 0.9, "steps": 4, "way": way}
    whole, real = (asked("valley", start=start, **state) for start in ([2, 1], [2.0, 1.0]))
    assert whole == real and whole["path"][1] != whole["path"][0]


def test_each_figure_has_an_answer_and_is_short():
    names = {path.stem for path in FOLDER.glob("*.mjs")} - SHARED
    assert names == set(ANSWERS)
    for path, text in sources().items():
        assert text.count("\n") <= LINES, path


def test_without_the_widget_a_still_picture_and_its_text(monkeypatch):
    monkeypatch.setattr("lora_np.course.interactive.show.has_extra", lambda name: False)
    figure, axes = subplots()
    shown = Interactive("paths", figure, "Two paths.")
    assert shown._repr_mimebundle_() == ({}, {})
    assert 'alt="Two paths."' in shown._repr_html_() and "Two paths." in repr(shown)


def test_the_still_pictures_metadata_name_the_figure():
    figure, axes = subplots()
    data, metadata = Interactive("paths", figure, "Two paths.", alpha=4)._repr_png_()
    assert data[:4] == b"\x89PNG"
    assert (metadata["figure"], metadata["settings"]) == ("paths", {"alpha": 4})


@pytest.mark.extra("anywidget")
@pytest.mark.parametrize("form", [lambda data: data, lambda data: (data, {})])
def test_what_a_widget_shows_is_handed_on_but_for_its_plain_text(monkeypatch, form):
    """As a dict or with metadata beside it: versions of anywidget differ."""

    class Shown:
        def __init__(self, **options):
            self.options = options

        def _repr_mimebundle_(self):
            return form({"text/plain": "it", "application/it": self.options})

    monkeypatch.setattr("lora_np.course.interactive.widget.Widget", Shown)
    data, _ = Interactive("paths", subplots()[0], "Two paths.", alpha=4)._repr_mimebundle_()
    assert data == {"application/it": {"name": "paths", "settings": {"alpha": 4}}}


def test_a_lora_learns_what_is_typed_and_switched_off_it_leaves_no_trace():
    def ask(name, **state):
        return json.loads(live.answer(f"live.{name}", json.dumps(state)))

    about = ask("begin", text="Ahoy, matey! Mind the crabs. " * 3)
    assert 0 < about["trained"] < about["base"] and about["prompt"] == "Ahoy, matey!"
    for step in range(1, 9):
        assert ask("step")["step"] == step
    on, off = ask("look", on=True), ask("look", on=False)
    assert on["loss"] < about["loss"] - 0.5 and on["bytes"] == about["bytes"]
    assert off == {name: about[name] for name in off}
    with pytest.raises(ValueError, match="20 characters or more"):
        ask("begin", text="Ahoy!")


def test_the_shortest_text_is_learnt_to_its_last_character():
    text = "It is a short story."
    started = live.Live(text)
    (loss, _), found = whole_loss(started.base, text), started.look(False)
    assert found["loss"] == pytest.approx(loss, rel=1e-5)
    every = b"".join(p.data.tobytes() for p in started.base.parameters())
    assert found["bytes"] == f"{zlib.crc32(every):08x}"


def whole_loss(model, text):
    batch = next_token(encode(text)[None])
    return cross_entropy(model(batch.tokens), batch)


@pytest.mark.extra("anywidget")
def test_in_a_notebook_the_kernel_answers():
    from lora_np.course.interactive.widget import Widget

    widget, sent = Widget(name="paths", settings={"alpha": 4}), []
    widget.send = sent.append
    start = {"x": [[1.0]], "W": [[2.0]], "A": [[1.0]], "B": [[0.5]], "alpha": 4, "target": [[0.0]]}
    state = start | {"fourBits": False}
    widget.reply(widget, {"turn": 7, "name": "paths", "state": state}, None)
    assert sent[0]["turn"] == 7 and sent[0]["numbers"]["y"] == [[4.0]]
    assert "paths.mjs" in widget.sources and "maths/lora.mjs" in widget.sources
    assert "application/vnd.jupyter.widget-view+json" in str(widget._repr_mimebundle_())
