"""Lesson 2b: testing what you cannot see. Here the answers are laws, and are judged by mutants."""

import numpy as np

from .exercise import Exercise
from .inputs import Broken, expect, layers, tenths

SCALE = Exercise(
    "2.4", "A law for the scale", "implement", answer="scale_law", points=3, apart=False
)
SCALES = {  # what stands in the place of α/r: (α, A) -> s
    "alpha alone": lambda alpha, A: alpha,
    "alpha over the root of r": lambda alpha, A: alpha / A.shape[1] ** 0.5,
    "alpha times r": lambda alpha, A: alpha * A.shape[1],
    "alpha over the number of inputs": lambda alpha, A: alpha / A.shape[0],
    "r over alpha": lambda alpha, A: A.shape[1] / alpha,
    "1, whatever alpha and r are": lambda alpha, A: 1.0,
}
ROWS = layers(leading=(1, 1))  # x (N, in)


def layer_with(scale):
    def layer(x, W, A, B, alpha):
        return x @ W + scale(alpha, A) * (x @ A) @ B

    return layer


def cases():
    """Ten layers {x, W, A, B, alpha, dy}, of rank 2 or 3 and oblong, the same ones every time."""
    for seed in range(10):
        r, n_in, n_out = 2 + seed % 2, 4 + seed % 3, 3 + seed % 4
        yield {
            "x": tenths([seed, 1], 3, n_in), "W": tenths([seed, 2], n_in, n_out),
            "A": tenths([seed, 3], n_in, r), "B": tenths([seed, 4], r, n_out), "alpha": 5.0,
            "dy": tenths([seed, 5], 3, n_out),
        }  # fmt: skip


def holds(law, layer, inputs):
    """What a student's law says of a layer. Raises: Broken for anything but True or False."""
    try:
        said = law(layer, **inputs)
    except AssertionError:
        return False
    if not isinstance(said, bool | np.bool_):
        raise Broken(f"expected True or False from your law, got {str(said)[:60]}")
    return bool(said)


def must_break(law, layer, names, what):
    inputs = [{name: case[name] for name in names} for case in cases()]
    broken = any(not holds(law, layer, each) for each in inputs)
    expect(broken, f"{what}: your law holds for this wrong layer, on all ten inputs tried")


@SCALE.law("the right layer obeys it, whatever the input", ROWS)
def right_scale_obeys(law, x, W, A, B, alpha, dy):
    """Which numbers must change together so that s = alpha/r stays? Is there a rounding error that
    == would take for a difference?"""
    right = layer_with(lambda alpha, A: alpha / A.shape[1])
    inputs = {"x": x, "W": W, "A": A, "B": B, "alpha": alpha}
    expect(holds(law, right, inputs), "your law is broken by the right layer, with s = alpha/r")


def scale_mutant(name):
    @SCALE.law(f"a layer whose scale is {name} breaks it")
    def caught(law):
        """Does your law call the layer that it is given? What would this layer do to the adapter's
        part when r and alpha are doubled, and what when alpha alone is?"""
        must_break(law, layer_with(SCALES[name]), "x W A B alpha".split(), f"the scale {name}")


for each in SCALES:
    scale_mutant(each)

INPUT = Exercise("2.5", "An input that hides nothing", "design", answer="case", points=2)
SIZES = ("rows", "in", "out", "r")


def lora(x, W, A, B, alpha, dy):
    """(y, dA, dB, dx)"""
    s, u = alpha / A.shape[1], x @ A
    du = s * dy @ B.T
    return x @ W + s * u @ B, x.T @ du, s * u.T @ dy, dy @ W.T + du @ A.T


def with_scale(scale):
    def layer(x, W, A, B, alpha, dy):
        return lora(x, W, A, B, scale(alpha, A.shape[1]) * A.shape[1], dy)

    return layer


def with_parts(change):
    """lora, with `change(parts, inputs)` made to {y, dA, dB, dx}."""

    def layer(x, W, A, B, alpha, dy):
        parts = dict(zip(("y", "dA", "dB", "dx"), lora(x, W, A, B, alpha, dy)))
        inputs = {"x": x, "W": W, "A": A, "B": B, "s": alpha / A.shape[1], "dy": dy}
        return tuple((parts | change(parts, inputs)).values())

    return layer


HIDDEN = {
    "alpha for alpha/r": with_scale(lambda alpha, r: alpha),
    "no scale at all": with_scale(lambda alpha, r: 1.0),
    "r/alpha for alpha/r": with_scale(lambda alpha, r: r / alpha),
    "* for @": with_parts(lambda p, i: {"y": i["x"] @ i["W"] + i["s"] * i["x"] @ i["A"] * i["B"]}),
    "dB averaged over the rows": with_parts(lambda p, i: {"dB": p["dB"] / len(i["x"])}),
    "dx without the adapter": with_parts(lambda p, i: {"dx": i["dy"] @ i["W"].T}),
}  # fmt: skip


def drawn(case, most=8):
    """The arrays of a student's case. Raises: Broken for settings that are not as asked."""
    names = {*SIZES, "alpha", "B"}
    if not isinstance(case, dict) or set(case) != names:
        raise Broken(f"expected a dict with {', '.join(sorted(names))}")
    for name in SIZES:
        whole = isinstance(case[name], int | np.integer) and not isinstance(case[name], bool)
        expect(whole and case[name] >= 1, f"{name}: expected a whole number from 1")
    expect(sum(case[name] for name in SIZES) <= most, f"the four sizes add up to over {most}")
    expect(case["r"] <= min(case["in"], case["out"]), "r is above in or out")
    expect(case["B"] in ("zero", "random"), 'B: expected "zero" or "random"')
    expect(isinstance(case["alpha"], int | float | np.number), "alpha: expected a number")
    rows, n_in, n_out, r = (case[name] for name in SIZES)
    B = tenths([4], r, n_out) * (case["B"] == "random")
    parts = {"x": tenths([1], rows, n_in), "W": tenths([2], n_in, n_out), "A": tenths([3], n_in, r)}
    return {**parts, "B": B, "alpha": float(case["alpha"]), "dy": tenths([5], rows, n_out)}


@INPUT.law("it is a layer whose four sizes add up to 8 at most")
def is_small(case):
    """rows, in, out and r are counted; every one of them is at least 1, and r fits into W."""
    drawn(case)


def shows(name):
    @INPUT.law(f"it shows the mistake: {name}")
    def caught(case):
        """Work out on paper when this layer and the right one give the same numbers: at which r,
        which alpha, which B, how many rows?"""
        inputs = drawn(case)
        try:
            got = HIDDEN[name](**inputs)
        except ValueError:  # shapes that do not fit show it as well
            return
        pairs = zip(lora(**inputs), got)
        same = all(a.shape == b.shape and np.allclose(a, b) for a, b in pairs)
        expect(not same, f"{name}: y, dA, dB and dx are all what the right layer gives")


for each in HIDDEN:
    shows(each)

GRADIENTS = Exercise(
    "2.6", "A law for the gradients", "implement", answer="gradient_law", points=3, apart=False
)
WRONG = {
    "dx without the adapter": HIDDEN["dx without the adapter"],
    "dx without W": with_parts(lambda p, i: {"dx": p["dx"] - i["dy"] @ i["W"].T}),
    "dA without s": with_parts(lambda p, i: {"dA": p["dA"] / i["s"]}),
    "dB without s": with_parts(lambda p, i: {"dB": p["dB"] / i["s"]}),
    "dB averaged over the rows": HIDDEN["dB averaged over the rows"],
    "dA with its sign turned": with_parts(lambda p, i: {"dA": -p["dA"]}),
}


@GRADIENTS.law("the right layer obeys it, whatever the input", ROWS)
def right_gradients_obey(law, x, W, A, B, alpha, dy):
    """The loss is the sum of dy times y. Is your tolerance wider than rounding, which grows with
    the numbers, and is the step taken both ways?"""
    inputs = {"x": x, "W": W, "A": A, "B": B, "alpha": alpha, "dy": dy}
    expect(holds(law, lora, inputs), "your law is broken by the right layer")


def gradient_mutant(name):
    @GRADIENTS.law(f"a layer breaks it that has {name}")
    def caught(law):
        """Three gradients come back. Does your law move x, A and B, each by numbers of its own, and
        ask the layer for y again each time?"""
        must_break(law, WRONG[name], "x W A B alpha dy".split(), name)


for each in WRONG:
    gradient_mutant(each)

EXERCISES = [SCALE, INPUT, GRADIENTS]
