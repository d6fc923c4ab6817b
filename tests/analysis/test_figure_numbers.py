"""A figure's numbers as tables: what is drawn is what stands there, and nothing of guides."""

import html

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lora_np.analysis.figure_numbers import FEW, MOST, tables
from lora_np.analysis.plots import COLORS, Picture, subplots

X = np.arange(5.0)
values = st.floats(-1e6, 1e6) | st.just(np.nan)


def table_of(draw):
    """(caption, columns, rows as lists) of the one table of the axes that `draw` draws on."""
    figure, axes = subplots()
    draw(axes)
    ((caption, columns, rows),) = tables(figure)
    return caption, columns, [[row[column] for column in columns] for row in rows]


@given(hnp.arrays(float, (3, 7), elements=values))
@settings(max_examples=10)
def test_curves_bars_and_matrices_come_back(matrix):
    known = np.where(np.isnan(matrix), None, matrix).tolist()
    known = [["" if value is None else value + 0.0 for value in row] for row in known]
    _, columns, rows = table_of(lambda axes: [axes.plot(r, label=n) for r, n in zip(matrix, "abc")])
    assert columns == ["x", *"abc"] and rows == [[float(i), *c] for i, c in enumerate(zip(*known))]
    _, _, rows = table_of(lambda axes: axes.imshow(matrix))
    assert rows == [[float(i), *row] for i, row in enumerate(known)]
    names = [f"n{i}" for i in range(7)]
    finite = np.nan_to_num(matrix[0]).tolist()
    for across in (False, True):
        draw = (lambda a: a.barh(names, finite)) if across else (lambda a: a.bar(names, finite))
        _, columns, rows = table_of(draw)
        assert columns == (["bar", "length"] if across else ["x", "y"])
        assert rows == [[n, v + 0.0] for n, v in zip(names, finite)]


def guided(axes):
    axes.plot(X, X**2, label="square")
    axes.plot([0, 4], [0, 16])  # a guide, which no legend names
    axes.axhline(9, label="goal")
    axes.set(xlabel="n", ylabel="y")


def barred(axes):
    for shift, name in ((-0.1, "one"), (0.1, "two")):
        axes.errorbar(X[:2] + shift, [1, 2], yerr=[[0.1, 0.2], [0.3, 0.4]], capsize=2, label=name)
    axes.set_xticks([0, 1], ["left", "right"])


def number_lines(axes):
    for k, marks in enumerate(([0, 0.5, 1], [0.25, 0.75])):
        axes.plot(marks, np.full(len(marks), -k), "|")
    axes.set_yticks([0, -1], ["fine", "coarse"])


def coloured(axes):
    axes.plot(X, X, color=COLORS[1])
    axes.text(4, 4, "the name", color=COLORS[1])


def dots(axes):
    for x, name in ((1, "NF4"), (2, "INT4")):
        axes.plot(x, x / 8, "o")
        axes.annotate(name, (x, x / 8), (3, 3), textcoords="offset points")


def path(axes):
    axes.plot([0, 2, 1], [5, 6, 7], label="way")


CASES = {
    guided: ("y; goal: y = 9", ["n", "square"], [float(4), 16.0]),
    barred: ("", ["x", "one", "two"], ["right", "2 (1.8 to 2.4)", "2 (1.8 to 2.4)"]),
    number_lines: ("", ["marks", "x"], ["coarse", "0.25, 0.75"]),
    coloured: ("", ["x", "the name"], [4.0, 4.0]),
    dots: ("", ["point", "x", "y"], ["INT4", 2.0, 0.25]),
    path: ("", ["point", "way: x", "way: y"], [2, 1.0, 7.0]),
}


@pytest.mark.parametrize("draw", CASES, ids=lambda draw: draw.__name__)
def test_what_a_reader_sees_is_named(draw):
    caption, columns, rows = table_of(draw)
    assert (caption, columns, rows[-1]) == CASES[draw]


def test_two_curves_of_one_name_keep_their_own_columns():
    _, columns, rows = table_of(lambda axes: [axes.plot(X, k * X, label="run") for k in (1, 2)])
    assert columns == ["x", "run", "run (2)"] and rows[-1] == [4.0, 4.0, 8.0]


def test_of_several_panels_each_is_told_with_its_number():
    figure, axes = subplots(1, 2)
    for k, at in enumerate(axes):
        at.plot(X, X + k)
        at.set(title=f"from {k}")
    assert [caption for caption, _, _ in tables(figure)] == ["panel 1; from 0", "panel 2; from 1"]


def test_long_ones_are_thinned_and_say_so():
    caption, _, rows = table_of(lambda axes: axes.plot(np.arange(201.0)))
    assert caption == f"{MOST} of 201 points" and [rows[0][0], rows[-1][0]] == [0, 200]
    caption, columns, rows = table_of(lambda axes: axes.imshow(np.zeros((40, 3))))
    assert caption == f"{FEW} of 40 rows" and (len(rows), len(columns)) == (FEW, 4)


def test_a_diagram_has_none_and_a_table_that_is_given_stands():
    figure, axes = subplots()
    axes.plot(X, X)
    axes.axis("off")
    assert "<details>" not in Picture(figure, "An arrow that rises.")._repr_html_()
    given_ = Picture(figure, "An arrow that rises.", table=(["<b>"], [{"<b>": 1.25}]))
    page = given_._repr_html_()
    assert "<summary>The figure's numbers</summary>" in page and html.escape("<b>") in page
    assert '<th scope="row">1.25</th>' in page
