"""Lesson 4: savings."""

import numpy as np
from hypothesis import strategies as st

from ...memory.measured import array_bytes, held
from ...methods.low_rank.lora import LoRA
from ...methods.low_rank.lora_linear import LoRALinear
from ...nn.gpt import GPT, GPTConfig
from ...nn.linear import Linear
from ...objectives import cross_entropy
from ...quant.quantized_linear import NF4Linear
from ...tasks import next_token
from ...train.optim import AdamW
from .exercise import Exercise
from .inputs import Broken, expect, parts

BYTES = Exercise("4.1", "Training bytes", "implement", answer="training_bytes", points=2)
KINDS = ("weights", "gradients", "moments")


@st.composite
def sizes(draw):
    r = draw(st.integers(1, 3), label="r")
    n_in, n_out = (draw(st.integers(r + 1, 9), label=side) for side in ("in", "out"))
    return {"n_in": n_in, "n_out": n_out, "r": r}


def measured(n_in, n_out, r):
    """What the arrays of one trained LoRA layer hold: {"weights", "gradients", "moments"}."""
    rng = np.random.default_rng(0)
    layer = LoRALinear(Linear(rng.standard_normal((n_in, n_out), np.float32)), r, 2.0, rng)
    optimizer = AdamW(layer.trainable_parameters())
    y, cache = layer.forward(rng.standard_normal((2, n_in), np.float32))
    layer.backward(y, cache)
    return held(layer, optimizer)


def compare(training_bytes, kind, n_in, n_out, r):
    got = parts(training_bytes(n_in, n_out, r), *KINDS)[KINDS.index(kind)]
    true = measured(n_in, n_out, r)[kind]
    expect(
        got == true, f"{kind}: you say {got} bytes, the arrays of a real layer hold another number"
    )


@BYTES.law("weights: W, A and B, four bytes a number", sizes())
def weights_are_all_three(training_bytes, n_in, n_out, r):
    """Frozen numbers are held too. W is (in, out), A (in, r), B (r, out)."""
    compare(training_bytes, "weights", n_in, n_out, r)


@BYTES.law("gradients: of A and B alone", sizes())
def gradients_of_what_learns(training_bytes, n_in, n_out, r):
    """What of the frozen W is ever formed in backward?"""
    compare(training_bytes, "gradients", n_in, n_out, r)


@BYTES.law("moments: AdamW holds two for each number that learns", sizes())
def two_moments_each(training_bytes, n_in, n_out, r):
    """m and v, each as large as the gradient."""
    compare(training_bytes, "moments", n_in, n_out, r)


BUDGET = Exercise("4.2", "A byte budget", "design", answer="method", points=3, apart=False)
LIMIT, STEPS = 140_000, 150


def trained(model, plus, steps, lr=1e-2):
    """(loss, bytes held) of teaching "the next letter is the last one plus `plus`"."""
    rng = np.random.default_rng(1)
    optimizer = AdamW(model.trainable_parameters(), lr=lr)
    for _ in range(steps):
        first = rng.integers(0, 16, (32, 1))
        batch = next_token((first + plus * np.arange(9)) % 16)
        logits, cache = model.forward(batch.tokens)
        loss, dlogits = cross_entropy(logits, batch)
        model.backward(dlogits, cache)
        total = sum(held(model, optimizer).values())
        optimizer.step()
    return loss, total


def little():
    """A GPT of 32 wide that knows "plus 1"."""
    model = GPT(GPTConfig(16, 8, 32, 2, 2), np.random.default_rng(0))
    trained(model, plus=1, steps=40)
    return model


@BUDGET.law("it is a LoRA whose targets are there")
def targets_match(method):
    """The layers' names: c_attn, attn.c_proj, c_fc, mlp.c_proj; or "all-linear" for all."""
    if type(method) is not LoRA:
        raise Broken(f"expected a LoRA(rank, alpha, targets), got {type(method).__name__}")
    model = GPT(GPTConfig(16, 8, 32, 2, 2), np.random.default_rng(0))
    try:
        method.apply(model, np.random.default_rng(0))
    except ValueError as error:
        raise Broken(str(error)) from None


@BUDGET.law(f"weights, gradients and moments fit into {LIMIT:,} bytes")
def it_fits(method):
    """Each number that learns costs 16 bytes: itself, its gradient, two moments."""
    model = GPT(GPTConfig(16, 8, 32, 2, 2), np.random.default_rng(0))
    _, held = trained(method.apply(model, np.random.default_rng(0)), plus=3, steps=1)
    expect(held <= LIMIT, f"it holds {held:,} bytes")


@BUDGET.law(f"after {STEPS} steps on “plus 3” its loss is below 0.1")
def it_learns(method):
    """Within the budget, which layers and what rank help most? The loss may be too high for a
    scale (alpha over rank) that is too small, too."""
    model = method.apply(little(), np.random.default_rng(0))
    loss, _ = trained(model, plus=3, steps=STEPS)
    expect(loss < 0.1, f"its loss is {loss:.3f}")


FOUR = Exercise(
    "4.3", "Four bits and activations", "predict and explain", answer="shares", points=2
)


def shares_of(base):
    """Bytes of base weights and of what forward keeps, LoRA beside it."""
    layer = LoRALinear(base, 8, 16.0, np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((8, 16, 128), np.float32)
    _, cache = layer.forward(x)
    return array_bytes(base), array_bytes(cache)


def compared(shares, place, what, tolerance):
    W = np.random.default_rng(2).standard_normal((128, 384), np.float32)
    dense, four = shares_of(Linear(W)), shares_of(NF4Linear.from_linear(Linear(W)))
    for share in parts(shares, "weights", "activations"):
        if isinstance(share, str) or not np.isfinite(share):
            raise Broken(f"expected two numbers, got {shares}")
    expect(
        abs(shares[place] - four[place] / dense[place]) < tolerance,
        f"a real layer's {what} keep another share",
    )


@FOUR.law("of the weights' bytes, this share is left")
def weights_shrink(shares):
    """32 bits become four and a share of a float32 for each block of 64."""
    compared(shares, 0, "weights", 0.01)


@FOUR.law("of the activations' bytes, this share is left")
def activations_stay(shares):
    """In what form do the inputs of the layer arrive, and what does backward need of them?"""
    compared(shares, 1, "activations", 0.01)


EXERCISES = [BYTES, BUDGET, FOUR]
