"""Numbers, matrices and bars as plain ASCII."""

import numpy as np


def vector(values, digits=4, widest=9):
    """[0.43 -0.26]: a row of numbers without trailing zeros."""
    return "[" + " ".join(number(v, digits, widest) for v in np.ravel(values)) + "]"


def number(value, digits=4, widest=9):
    """0.43 to so many decimals; 4.3e+07 where that would be wider than `widest` characters."""
    text = f"{float(value):.{digits}f}".rstrip("0").rstrip(".")
    for significant in (4, 3, 2, 1):
        if len(text) > widest:
            text = f"{float(value):.{significant}g}"
    return "0" if text in ("-0", "") else text


def setting(value):
    """A number that was asked for, however small, in at most 8 characters."""
    text = f"{value:g}"
    return text if len(text) <= 8 else f"{value:.2g}"


def fixed(value, digits):
    """As many decimals for each, so that a column's numbers stand below one another."""
    return f"{value:.{digits}f}" if abs(value) < 1000 else number(value)


def matrix(values, digits=4, widest=9):
    """The rows of a matrix, right-aligned, as a list of lines."""
    cells = [[number(v, digits, widest) for v in row] for row in np.atleast_2d(values)]
    width = max(len(cell) for row in cells for cell in row)
    return ["  ".join(cell.rjust(width) for cell in row) for row in cells]


def beside(left, right, gap=3):
    """Two blocks of lines next to each other."""
    width = max(map(len, left)) + gap
    height = max(len(left), len(right))
    left, right = left + [""] * (height - len(left)), right + [""] * (height - len(right))
    return [f"{a:<{width}}{b}".rstrip() for a, b in zip(left, right)]


def bar(value, largest, width=20):
    return "#" * round(width * (value / largest)) if largest else ""


def signed_sum(terms, digits=4):
    """0.02 + 0.06 - 0.25"""
    first, *rest = [float(t) for t in terms]
    tail = "".join(f" {'-' if t < 0 else '+'} {number(abs(t), digits)}" for t in rest)
    return number(first, digits) + tail
