"""Lesson 12: into the ecosystem."""

import numpy as np
from hypothesis import strategies as st

from .exercise import Exercise
from .inputs import Broken, expect, parts, same, tenths

PEFT = Exercise("12.1", "To PEFT and back", "implement", answer="to_peft_and_back", points=3)
KEYS = ("lora_A.weight", "lora_B.weight")


@st.composite
def factors(draw):
    """{A, B, s}: A (in, r), B (r, out) in float32, and a scale that is not 1."""
    r = draw(st.integers(2, 3), label="r")
    n_in = draw(st.integers(r, 4), label="in")
    n_out = n_in if draw(st.booleans(), label="square") else draw(st.integers(r, 5), label="out")
    seed = draw(st.integers(0, 99), label="seed")
    return {
        "A": tenths([seed, 0], n_in, r).astype(np.float32),
        "B": tenths([seed, 1], r, n_out).astype(np.float32),
        "s": draw(st.sampled_from([0.5, 1.5]), label="s"),
    }


def stored(to_peft_and_back, A, B, s):
    to_peft, back = parts(to_peft_and_back, "to_peft", "from_peft")
    file = to_peft(A, B, s)
    if not isinstance(file, dict) or sorted(file) != sorted(KEYS):
        raise Broken(f"to_peft returns a dict with the keys {KEYS}, got {str(file)[:80]}")
    return {name: np.asarray(array) for name, array in file.items()}, back


@PEFT.law("the file's arrays have PEFT's shapes: lora_A (r, in), lora_B (out, r)", factors())
def shapes_are_pefts(answer, A, B, s):
    """PEFT writes W as (out, in): everything is the transpose of ours."""
    file, _ = stored(answer, A, B, s)
    for key, shape in zip(KEYS, (A.shape[::-1], B.shape[::-1])):
        expect(file[key].shape == shape, f"{key} is {file[key].shape}, expected {shape}")


@PEFT.law("PEFT's x·lora_Aᵀ·lora_Bᵀ, times its own scale, is our s·x·A·B", factors())
def peft_computes_the_same(answer, A, B, s):
    """The scale is in the settings (lora_alpha and r): PEFT multiplies by it itself."""
    file, _ = stored(answer, A, B, s)
    x = tenths([7], 3, A.shape[0]).astype(np.float32)
    got = s * (x @ file[KEYS[0]].T) @ file[KEYS[1]].T
    same("PEFT's output", got, s * (x @ A) @ B, 1e-6)


@PEFT.law("there and back again: the very same bits", factors())
def bits_come_back(answer, A, B, s):
    """No arithmetic on the way, only a change of place."""
    file, back = stored(answer, A, B, s)
    for name, array, got in zip("AB", (A, B), parts(back(file), "A", "B")):
        got = np.asarray(got)
        expect(got.shape == array.shape, f"{name} comes back as {got.shape}, it was {array.shape}")
        expect(got.dtype == array.dtype and (got == array).all(), f"{name} has other bits")


SUM = Exercise("12.2", "Sum of adapters", "implement", answer="added", points=3)


@st.composite
def two_adapters(draw):
    """{one, other}: (A, B, s) each, of different ranks and scales; {weights} for them."""
    n_in, n_out = draw(st.integers(3, 4), label="in"), draw(st.integers(3, 4), label="out")
    seed, other = draw(st.integers(0, 99), label="seed"), draw(st.sampled_from([2, 1]), label="r")
    pair = [
        (tenths([seed, 2 * i], n_in, r), tenths([seed, 2 * i + 1], r, n_out), s)
        for i, (r, s) in enumerate([(2, 1.5), (other, 0.5)])
    ]
    return {"one": pair[0], "other": pair[1], "weights": (0.7, -0.4)}


def combined(added, one, other, weights):
    A, B = parts(added(one, other, weights), "A", "B")
    A, B = np.asarray(A), np.asarray(B)
    if A.ndim != 2 or B.ndim != 2 or A.shape[1] != B.shape[0]:
        raise Broken(f"A {A.shape} and B {B.shape} do not multiply")
    return A @ B


@SUM.law("with weights (1, 0) it is the first adapter, its scale included", two_adapters())
def one_alone(added, one, other, weights):
    """The result has no scale beside it any more: where does s go, and only once?"""
    A, B, s = one
    same("A·B", combined(added, one, other, (1.0, 0.0)), s * A @ B)


@SUM.law("A·B is w₁s₁A₁B₁ + w₂s₂A₂B₂", two_adapters())
def sum_of_products(added, one, other, weights):
    """Adding the factors, (A₁ + A₂)(B₁ + B₂), has cross terms, and needs equal ranks. Can the
    factors stand side by side?"""
    true = sum(w * s * A @ B for w, (A, B, s) in zip(weights, (one, other)))
    same("A·B", combined(added, one, other, weights), true)


STRICT = Exercise("12.3", "Strict load", "find the bug", answer="load", points=4, apart=False)


class Layer:
    """Two factors, as the exercise's loader gets them."""

    def __init__(self, A, B):
        self.A, self.B = A.copy(), B.copy()

    def bytes(self):
        return self.A.tobytes(), self.B.tobytes()


def cases(A, B):
    """{what is wrong with it: a file}; None for the one with which nothing is."""
    good = {KEYS[0]: A.T + 1, KEYS[1]: B.T - 1}
    return {
        None: good,
        "a key is missing": {KEYS[0]: A.T + 1},
        "a key is unexpected": good | {"lora_C.weight": A},
        "the second array is misshapen": good | {KEYS[1]: B.T[:-1] - 1},
        "the first array is misshapen": good | {KEYS[0]: A.T[:, :-1] + 1},
        "an array is not transposed": good | {KEYS[0]: A + 1},
    }


@STRICT.law("a file that fits is loaded, transposed", factors())
def fitting_files_load(load, A, B, s):
    """What is checked must let the right file pass."""
    layer = Layer(A, B)
    load(layer, cases(A, B)[None])
    same("layer.A", layer.A, A + 1, 0)
    same("layer.B", layer.B, B - 1, 0)


@STRICT.law("a file that does not fit is a ValueError", factors())
def misfits_are_refused(load, A, B, s):
    """Missing, unexpected, misshapen: three kinds, each refused. A silently skipped key is an
    adapter that does nothing."""
    for what, file in cases(A, B).items():
        if what and not (what == "an array is not transposed" and A.shape == A.T.shape):
            try:
                load(Layer(A, B), dict(file))
            except ValueError:
                continue
            except (KeyError, IndexError) as error:
                kind = type(error).__name__
                raise Broken(f"{what}: raised {kind}, expected ValueError") from None
            raise Broken(f"{what}: nothing was raised")


@STRICT.law("after a refusal the layer is as it was, to the bit", factors())
def nothing_is_half_loaded(load, A, B, s):
    """Check everything first, write afterwards."""
    for what, file in cases(A, B).items():
        layer = Layer(A, B)
        before = layer.bytes()
        try:
            load(layer, dict(file))
        except ValueError:
            expect(layer.bytes() == before, f"{what}: it was refused, but the layer has changed")


DRIFT = Exercise("12.4", "No drift", "find the bug", answer="cycles", points=2)


@st.composite
def changes(draw):
    """{W, delta, n}: a float32 weight, an adapter's change, and how many merges."""
    seed, n = draw(st.integers(0, 99), label="seed"), draw(st.integers(1, 100), label="n")
    W, delta = np.random.default_rng(seed).standard_normal((2, 3, 4)).astype(np.float32)
    return {"W": W, "delta": delta, "n": n}


@DRIFT.law("after n merges and un-merges the merged weight is W + delta", changes())
def merged_is_the_sum(cycles, W, delta, n):
    """One addition to the W there was at first."""
    merged, _ = parts(cycles(W, delta, n), "merged", "unmerged")
    same("the merged weight", merged, W + delta, 1e-4)


@DRIFT.law("and the un-merged weight is W, bit for bit", changes())
def unmerged_is_w(cycles, W, delta, n):
    """(W + delta) - delta rounds twice, each time. What gives W back without arithmetic?"""
    merged, back = (np.asarray(x) for x in parts(cycles(W, delta, n), "merged", "unmerged"))
    changed = (back != W).sum()
    expect(back.tobytes() == W.tobytes(), f"{changed} of {W.size} numbers have other bits")
    expect(merged.tobytes() == (W + delta).tobytes(), "the merged weight has drifted")


EXERCISES = [PEFT, SUM, STRICT, DRIFT]
