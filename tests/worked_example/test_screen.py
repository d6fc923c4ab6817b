"""What a page shows is what was computed, and every sum on it comes to what stands behind it."""

import math
import re

import numpy as np
import pytest
from test_numbers_as_text import last_place

from lora_np import worked_example
from lora_np.worked_example.screen import screens

NUMBER = r"(-?[\d.]+(?:e[-+]\d+)?)"
SUM = re.compile(rf"({NUMBER}(?: [-+] {NUMBER})+) = {NUMBER}")
FACTORS = re.compile(rf"\({NUMBER}\)\({NUMBER}\)")
PRODUCTS = re.compile(rf"((?:{FACTORS.pattern}(?: \+ )?)+) = (?:[-+\d.e ]+ = )?{NUMBER}")
CASES = [{}, {"rank": 2}, {"rank": 2, "lr": 50}, {"lr": 50}, {"target": (0.43, -0.26)}]
cases = pytest.mark.parametrize("settings", CASES, ids=str)


def pages(settings):
    """(the numbers, the pages), a line that begins with "=" joined to the one before it."""
    numbers = worked_example.run(**settings)
    return numbers, [re.sub(r"\n +=", " =", page) for page in screens(numbers)]


@cases
def test_every_page_has_its_number_and_all_below_it_is_indented(settings):
    for number, page in enumerate(screens(worked_example.run(**settings)), 1):
        margin = [line.split()[0] for line in page.splitlines() if line and line[0] != " "]
        assert margin == {1: ["THE", "1"], 9: ["9", "NEXT"]}.get(number, [str(number)])


@cases
def test_sums_and_products_come_to_what_stands_behind_them(settings):
    numbers, found = pages(settings)
    text = "\n".join(found)
    sums, products = SUM.findall(text), PRODUCTS.findall(text)
    assert len(sums) == 2 + numbers["rank"] and len(products) == 2 + 6
    for terms, *_, result in sums:
        parts = re.findall(r"[-+]?[\d.]+(?:e[-+]\d+)?", terms.replace("- ", "-"))
        assert math.isclose(sum(map(float, parts)), float(result), rel_tol=1e-3, abs_tol=2e-4)
    for terms, *_, result in products:
        made = sum(float(a) * float(b) for a, b in FACTORS.findall(terms))
        assert math.isclose(made, float(result), rel_tol=1e-3, abs_tol=2e-4)


def said_of(n):
    """(page, what stands there, the numbers that it means)."""
    quantized, side, last = n["nf4"], n["side_effect"], n["steps"][-1]
    losses = [quantized["steps"][k]["loss"] for k in (0, -1)]
    vector = r"\[([^]]+)\]"
    return [
        (1, rf" x = {vector}", n["x"]),
        (1, r" y1 = .* = (\S+)\n", n["y"][0, 0]),
        (1, r" y2 = .* = (\S+)\n", n["y"][0, 1]),
        (1, rf" y  = {vector}", n["y"]),
        (2, rf"so y is still {vector}", n["y"]),
        (3, rf"Goal: t = {vector}", n["target"]),
        (3, rf"dy = y - t = {vector}", n["steps"][0]["dy"]),
        (5, r"After step (\d+):", last["step"]),
        (5, rf"y = x W' += {vector}", n["y_merged"]),
        (5, rf"y = x W \+ s\*\(x A\) B += {vector}", n["y_adapter"]),
        (5, r"gap (\S+)\n", np.abs(n["y_adapter"] - n["y_merged"]).max()),
        (7, rf"before {vector}", side["before"]),
        (7, rf"dense SGD {vector}", side["dense"]),
        (7, rf"LoRA {vector}", side["lora"]),
        (8, rf"weights  {vector}", n["W"]),
        (8, rf"  y = {vector}", quantized["y"]),
        (8, r"largest error (\S+);", np.abs(quantized["error"]).max()),
        (8, r"LoRA on top, (\d+) steps", quantized["steps"][-1]["step"]),
        (8, r"loss (\S+) -> (\S+)\.", losses),
    ]


@cases
def test_what_a_page_says_is_what_was_computed(settings):
    n, found = pages(settings)
    for page, pattern, expected in said_of(n):
        groups = re.search(pattern, found[page - 1]).groups()
        shown = [number for group in groups for number in group.split()]
        assert len(shown) == np.size(expected), pattern
        for text, value in zip(shown, np.ravel(expected)):
            rounded = 0.51 * last_place(text) if "e" in text else 6e-5 + 2e-3 * abs(value)
            assert abs(float(text) - value) <= rounded, pattern


@cases
def test_both_gradients_stand_beside_each_other(settings):
    """By hand and from backward, a row of B or a column of A a line."""
    n = worked_example.run(**settings)
    for page, at in ((3, n["at_init"]), (4, n["after_one_step"])):
        lines = re.findall(r"^ {5}.{5}\[(.+?)\] +\[(.+?)\]", screens(n)[page - 1], re.M)
        shown = [[[float(v) for v in row.split()] for row in line] for line in lines]
        assert len(shown) == 2 * n["rank"]
        for k, key in enumerate(("by_hand", "backward")):
            rows = [*at["dB"][key], *at["dA"][key].T]
            for row, line in zip(rows, shown):
                np.testing.assert_allclose(line[k], row, 2e-3, 1e-6)
