"""The sheet that is drawn for each student: sizes, numbers, and which mistake there is to find."""

import numpy as np

from .exercise import OWN, Exercise, judge
from .inputs import expect, layers, only, same
from .laws_testing import drawn, lora
from .variants import pick, tenths

LORA = """\
def broken_lora(x, W, A, B, alpha, dy):
    s = alpha / A.shape[1]
    u = x @ A
    y = x @ W + s * u @ B
    du = s * dy @ B.T
    dA = x.T @ du
    dB = s * u.T @ dy
    dx = dy @ W.T + du @ A.T
    return y, dA, dB, dx
"""
MISTAKES = {  # in words: a line of LORA, and what stands there instead
    "s is alpha alone": ("s = alpha / A.shape[1]", "s = alpha"),
    "s is r/alpha": ("s = alpha / A.shape[1]", "s = A.shape[1] / alpha"),
    "y without s": ("y = x @ W + s * u @ B", "y = x @ W + u @ B"),
    "dA without s": ("dA = x.T @ du", "dA = x.T @ (dy @ B.T)"),
    "dB without s": ("dB = s * u.T @ dy", "dB = u.T @ dy"),
    "dB averaged over the rows": ("dB = s * u.T @ dy", "dB = s * u.T @ dy / len(x)"),
    "dx without the adapter": ("dx = dy @ W.T + du @ A.T", "dx = dy @ W.T"),
}
BYTES = 12  # of one trained number under AdamW in float32: itself, m and v


def mistake_of(student):
    return pick(student, "mistake", list(MISTAKES))


def broken(student):
    """The text of the student's broken layer."""
    return LORA.replace(*MISTAKES[mistake_of(student)])


def layer_of(student):
    """{x, W, A, B, alpha} of exercise 90.1: x (2,), W (2, 2 or 3), rank 2."""
    n_out = pick(student, "out", [2, 3])
    shapes = {"x": (2,), "W": (2, n_out), "A": (2, 2), "B": (2, n_out)}
    arrays = {name: tenths(student, name, *shape) for name, shape in shapes.items()}
    return {**arrays, "alpha": pick(student, "alpha", [1.0, 4.0, 6.0])}


def memory_of(student):
    """(inputs, outputs, bytes that there are) of exercise 90.2."""
    n_in, n_out = (pick(student, side, [256, 384, 512, 768]) for side in ("wide", "high"))
    rank = pick(student, "rank", range(5, 40))
    spare = pick(student, "spare", range(1, n_in + n_out))  # numbers, too few for one more rank
    return n_in, n_out, BYTES * (rank * (n_in + n_out) + spare)


def case_of(student):
    """The case of exercise 90.4, in which the student's mistake is seen."""
    sizes = {name: pick(student, f"case {name}", [3, 4, 5]) for name in ("rows", "in", "out")}
    return {**sizes, "r": pick(student, "case r", [2, 3]), "alpha": 5.0, "B": "random"}


def values(student):
    """What is drawn, as the text that stands in the places of the sheet."""
    layer, (n_in, n_out, memory), case = layer_of(student), memory_of(student), case_of(student)
    lists = {name: str(np.asarray(value).tolist()) for name, value in layer.items()}
    return {
        **lists, "student": repr(student), "n_in": str(n_in), "n_out": str(n_out),
        "bytes": f"{memory:,}", "memory": str(memory), "case": str(case),
        "broken": broken(student).rstrip(), "lines": LORA.partition("\n")[2].rstrip(),
        "hiding": str(solved(student)),
    }  # fmt: skip


def solved(student):
    """The case of exercise 90.4 with the one change, of four to try, that hides the mistake."""
    exercise, case = hiding(student), case_of(student)
    tries = {"rows": 1}, {"r": 1}, {"alpha": float(case["r"])}, {"B": "zero"}
    return next(c for t in tries if judge(exercise, c := {**case, **t}).status == "right")


def in_words(student):
    """{mistake, rank, hiding}: what the teacher's list says of a sheet."""
    n_in, n_out, memory = memory_of(student)
    largest = memory // (BYTES * (n_in + n_out))
    return {"mistake": mistake_of(student), "rank": largest, "hiding": str(solved(student))}


def drawn_for(student):
    """The exercises of one student. Raises: ValueError without a number."""
    if not student:
        raise ValueError(
            f"the exercises of sheet {OWN} are drawn by a student's number: "
            f'check("{OWN}.1", answer, student)'
        )
    return [by_hand(student), rank(student), mended(), hiding(student)]


def by_hand(student):
    exercise = Exercise("90.1", "y by hand", "predict and explain", answer="y_by_hand", points=2)
    layer = layer_of(student)

    @exercise.law("y = xW + s·xAB")
    def is_y(y):
        """Work out u = xA first. What is r here, and so what is s?"""
        x, W, A, B, alpha = layer.values()
        same("y", y, x @ W + alpha / 2 * x @ A @ B, 1e-6)

    return exercise


def rank(student):
    exercise = Exercise("90.2", "The largest rank", "design", answer="rank", points=1)
    n_in, n_out, memory = memory_of(student)

    def whole(r):
        is_whole = isinstance(r, int | np.integer) and not isinstance(r, bool)
        expect(is_whole and r >= 1, "expected a whole number from 1")
        return BYTES * int(r) * (n_in + n_out)

    @exercise.law("it fits")
    def fits(r):
        """A has one row for each input, B one column for each output. Which numbers does AdamW
        keep beside each of them?"""
        expect(whole(r) <= memory, "A, B and what AdamW keeps of them take more than there is")

    @exercise.law("one more would not fit")
    def is_largest(r):
        """How many bytes does one more rank take, and how many are left?"""
        expect(whole(r) + BYTES * (n_in + n_out) > memory, "one more rank fits as well")

    return exercise


def mended():
    exercise = Exercise("90.3", "Find the bug", "find the bug", answer="mended_lora", points=3)
    inputs = only(layers(leading=(1, 1)), "x", "W", "A", "B", "alpha", "dy")
    for place, name in enumerate(("y", "dA", "dB", "dx")):

        @exercise.law(f"{name} is that of LoRA's equations", inputs)
        def is_right(layer, place=place, name=name, **inputs):
            """Set each line beside its equation in lesson 3. Which factor, which term, which sum
            over rows is in the one and not in the other?"""
            parts = layer(**inputs)
            four = isinstance(parts, tuple | list) and len(parts) == 4
            expect(four, "expected four results: y, dA, dB, dx")
            same(name, parts[place], lora(**inputs)[place])

    return exercise


def hiding(student):
    exercise = Exercise("90.4", "An input that hides it", "design", answer="hiding", points=2)
    reference, names = case_of(student), {}
    exec(broken(student), names)

    @exercise.law("it is the case of the sheet, with one entry changed")
    def one_entry(case):
        """The other five stay as they are, and the layer must be one: r at most in and out."""
        drawn(case, most=100)
        changed = [name for name in reference if case[name] != reference[name]]
        expect(len(changed) == 1, f"{len(changed)} entries differ from the sheet's case")
        expect(case["alpha"] >= 0.5, "alpha: expected at least 0.5")

    @exercise.law("there, the broken layer and the right one are the same")
    def cannot_be_seen(case):
        """Which number makes the wrong factor, term or sum equal to the right one?"""
        inputs = drawn(case, most=100)
        pairs = zip(("y", "dA", "dB", "dx"), lora(**inputs), names["broken_lora"](**inputs))
        seen = [name for name, right, wrong in pairs if not np.allclose(right, wrong)]
        expect(not seen, f"the mistake is still seen: in {', '.join(seen)}")

    return exercise
