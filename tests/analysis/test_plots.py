"""Pictures: what is written in a cell is its number, in an ink that can be read on its colour."""

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from helpers.doctored import BASE, BY_BASE, BY_FILE, SOUND
from lora_np.analysis.adapter_files import read_adapter_files
from lora_np.analysis.doctor import examine
from lora_np.analysis.doctor_plot import picture
from lora_np.analysis.figure_numbers import tables
from lora_np.analysis.plots import STYLE, heatmap, history_picture, style, subplots
from lora_np.train.history import History


def readable(axes):
    """Whether each number written in the axes' one image stands out from its cell's colour."""
    (image,) = axes.images
    values = np.ma.filled(image.get_array().astype(float), np.nan)
    for text in axes.texts:
        j, i = map(round, text.get_position())
        cell, ink = (
            np.dot(to_rgb(colour), (0.2126, 0.7152, 0.0722))
            for colour in (image.cmap(image.norm(values[i, j]))[:3], text.get_color())
        )
        if np.isfinite(values[i, j]) and abs(cell - ink) < 0.3:
            return False
    return True


def test_the_style_is_in_force_within_and_gone_behind():
    before = {name: matplotlib.rcParams[name] for name in STYLE}
    with style():
        assert {name: matplotlib.rcParams[name] for name in STYLE} == STYLE != before
    assert {name: matplotlib.rcParams[name] for name in STYLE} == before


def test_a_heatmap_is_its_matrix_with_zero_in_the_middle():
    figure, axes = subplots()
    values = np.array([[-1.0, 0.25, 0.1], [0.875, -0.5, 0.0]])
    heatmap(axes, values, 1.0, "W", digits=2)
    (image,) = axes.images
    assert image.get_clim() == (-1, 1) and axes.get_title() == "W" and readable(axes)
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(j, i): f"{v:.2f}" for (i, j), v in np.ndenumerate(values)}
    ((_, columns, rows),) = tables(figure)
    assert columns[1:] == ["out 1", "out 2", "out 3"]
    assert [list(row.values()) for row in rows] == [
        [f"in {i + 1}", *row] for i, row in enumerate(values.tolist())
    ]


def test_a_row_alone_is_a_heatmap_of_one_row():
    figure, axes = subplots()
    heatmap(axes, [3.0, -1.5], 3.0, "B")
    assert axes.images[0].get_array().shape == (1, 2)
    assert [text.get_text() for text in axes.texts] == ["3.000", "-1.500"]


DOCTORED = SOUND | {name: write for name, (_, write) in (BY_FILE | BY_BASE).items()}


@pytest.mark.parametrize("name", DOCTORED)
def test_any_adapter_examined_has_a_picture_of_its_numbers(name, tmp_path):
    """Each layer's in the cell of its kind and block; also of one without any layer."""
    DOCTORED[name](tmp_path / "it")
    files = read_adapter_files(tmp_path / "it")
    for base in (BASE, None):
        numbers = examine(files, base)
        drawn = picture(numbers)
        changes, shares = drawn.figure.axes[:2]
        kinds = [label.get_text() for label in changes.get_yticklabels()]
        for axes in (changes, shares):
            assert axes.images[0].get_clim()[0] == 0 and readable(axes)
        key = "change" if base else "size"
        known = [each.get(key, 0) for each in numbers["layers"].values()]
        most = max(filter(np.isfinite, known), default=0) or 1
        assert [axes.images[0].get_clim()[1] for axes in (changes, shares)] == [most, 1]
        values = np.ma.filled(changes.images[0].get_array().astype(float), np.nan)
        for layer, each in numbers["layers"].items():
            _, block, kind = layer.split(".", 2)
            found = values[kinds.index(kind), int(block)]
            assert np.array_equal(found, each.get(key, np.nan), equal_nan=True)
        assert numbers["what"] in drawn.alt and changes.images[0].get_array().shape[1] <= 10


def test_a_runs_picture_says_where_each_loss_began_and_ended():
    """Also of a run without a step."""
    evaluations = [{"step": 0, "prose": 3.25}, {"step": 9, "prose": 1.5}]
    for losses in ([], [4.0, 2.0, 1.0]):
        drawn = history_picture(History(losses, evaluations=evaluations), "A run")
        assert f"over {len(losses)} steps" in drawn.alt
        assert "held-out prose 3.25 to 1.50" in drawn.alt
        assert ("training loss 4.00 to 1.00" in drawn.alt) == bool(losses)
