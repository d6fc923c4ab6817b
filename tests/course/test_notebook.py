"""What the notebooks show: pictures that keep their text, checks, an early end."""

import io
from base64 import b64encode

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from lora_np import cross_entropy, load_adapter, next_token
from lora_np.analysis.plots import png, subplots
from lora_np.checkpoint import load_base
from lora_np.course import notebook
from lora_np.course.notebook import Picture
from lora_np.system import progress


def test_a_figure_is_an_output_of_its_own_beside_the_page():
    """Viewers that drop HTML show the image alone, and it keeps its alternative text."""
    alt = "One bar, three high."
    figure, axes = subplots()
    axes.bar([0], [3])
    data, metadata = DisplayFormatter().format(Picture(figure, alt))
    assert metadata["image/png"] == {"alt": alt} and alt in data["text/plain"]
    assert b64encode(data["image/png"]).decode() in data["text/html"]


def test_a_figure_is_kept_small_and_looks_the_same():
    figure, axes = subplots()
    axes.plot(np.sin(np.arange(200.0)))
    small = png(figure)
    whole = io.BytesIO()
    figure.savefig(whole, format="png", dpi=110)
    assert len(small) < 0.7 * len(whole.getvalue())
    pixels = [
        np.asarray(Image.open(data).convert("RGB"), float) for data in (whole, io.BytesIO(small))
    ]
    assert np.abs(pixels[0] - pixels[1]).mean() < 1


def test_the_adapter_that_lesson_1_opens_with_has_learnt_code():
    base, line = load_base(), b"        if self._name is not None:\n            return self._name\n"
    batch = next_token(np.frombuffer(line, np.uint8).astype(np.int64)[None])
    losses = [
        cross_entropy(model(batch.tokens), batch)[0]
        for model in (base, load_adapter(base, notebook.CODE_ADAPTER))
    ]
    assert losses[1] < losses[0] - 0.5


def test_a_lesson_without_what_it_needs_ends_early(monkeypatch, capsys):
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)  # another one, which IPython would warn of
    shell = InteractiveShell()
    monkeypatch.setattr(notebook, "get_ipython", lambda: shell)
    shell.run_cell("a = 1")
    notebook.end_here("This needs a model.")
    assert shell.run_cell("a = 2\n1 / 0").success and shell.user_ns["a"] == 1
    assert "needs a model" in capsys.readouterr().out


@pytest.mark.parametrize("browser", [False, True])
def test_a_browser_gets_less_and_is_told(monkeypatch, capsys, browser):
    """Elsewhere nothing is said, or the lessons' outputs would differ."""
    monkeypatch.setattr(notebook, "WEBASSEMBLY", browser)
    assert notebook.lighter(40, 10, seconds=20) == (10 if browser else 40)
    assert notebook.lighter(40, 40, seconds=30) == 40
    said = "In a browser: 10 here, where the text speaks of 40; this cell takes about 20 s.\n"
    said += "In a browser: this cell takes about 30 s.\n"
    assert capsys.readouterr().out == (said if browser else "")


@pytest.mark.parametrize("page", [False, True])
def test_a_page_shows_how_far_it_is_and_not_as_an_error(monkeypatch, capsys, page):
    monkeypatch.setattr(progress, "in_page", lambda: page)
    assert list(notebook.shown(range(3))) == [0, 1, 2]
    out, err = capsys.readouterr()
    assert ("step" in out) == page and not err
