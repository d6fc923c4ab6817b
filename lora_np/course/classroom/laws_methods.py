"""Lessons 9 and 9b: methods of the student's own, held to what every method here is held to."""

import numpy as np

from ...gradcheck import check_directional
from ...methods.targets import merge
from ...nn.gpt import GPT, GPTConfig
from ...objectives import cross_entropy
from ...tasks import next_token
from ...train.optim import AdamW
from .exercise import Exercise
from .inputs import Broken, expect, same

OWN = Exercise("9.7", "A method of your own", "design", answer="Own", points=6, apart=False)
METHOD = Exercise("9.4", "VeRA", "design", answer="VeRA", points=5, apart=False)
CONFIG = GPTConfig(vocab_size=5, n_positions=8, n_embd=6, n_layer=2, n_head=2, n_inner=10)
TARGETS, RANK = ("c_attn", "mlp.c_proj"), 3
COUNT = 2 * (RANK + 18 + RANK + 6)
WEIGHTS = tuple(f"{target}.weight" for target in TARGETS)
TOKENS = np.random.default_rng(3).integers(0, 5, (4, 6))


def applied(method, dtype=np.float64):
    rng = np.random.default_rng(0)
    model = GPT(CONFIG, rng, dtype)
    for parameter in model.parameters():
        parameter.data += (0.3 * rng.standard_normal(parameter.shape)).astype(dtype)
    view = method(TARGETS).apply(model, rng)
    if not hasattr(view, "named_parameters"):
        raise Broken(f"apply returns the model with its vectors, got {type(view).__name__}")
    return model, view


def moved(method):
    """A view whose trainable numbers are off their start, where half of the gradients vanish."""
    _, view = applied(method)
    rng = np.random.default_rng(5)
    for parameter in view.trainable_parameters():
        parameter.data += 0.3 * rng.standard_normal(parameter.shape)
    return view


@METHOD.law("a target that matches nothing is a ValueError")
def targets_must_match(method):
    """matching_linears and wrap, of lora_np.methods.targets, say so for you."""
    try:
        method(("c_atn",)).apply(GPT(CONFIG, np.random.default_rng(0)), np.random.default_rng(0))
    except ValueError:
        return
    raise Broken("the target c_atn matches nothing, and nothing was said")


@METHOD.law("before any training the output is the base's")
def starts_as_the_base(method):
    """Which of the two vectors must be 0 for that?"""
    model, view = applied(method)
    same("the logits", view(TOKENS), model(TOKENS), 1e-12)


@METHOD.law("r + out numbers of each target learn, and nothing else")
def only_vectors_learn(method):
    """`begin` freezes the base; a new Parameter learns unless it is told not to."""
    _, view = applied(method)
    learns = sum(p.size for p in view.parameters() if p.trainable)
    expect(learns == COUNT, f"{learns} numbers learn, expected {COUNT} for targets {TARGETS} here")


@METHOD.law("gradients agree with finite differences")
def gradients_are_right(method):
    """Read your forward from its last line to its first. And x went two ways: what does each of
    them send back?"""
    for name, error in check_directional(moved(method), TOKENS).items():
        expect(error < 1e-6, f"the gradient of {name} is off by a relative {error:.2g}")


@METHOD.law("merged into dense weights it answers the same")
def merges(method):
    """x reaches y by one matrix: put every factor into it. A factor for each column of a matrix
    stands on its right."""
    view = moved(method)
    same("the logits", merge(view)(TOKENS), view(TOKENS), 1e-9)


@METHOD.law("training lowers the loss and moves no byte of the base")
def learns_with_a_still_base(method):
    """The view shares the base's arrays: nothing may write into them."""
    model, view = applied(method, np.float32)
    before = [p.data.tobytes() for p in model.parameters()]
    batch, losses = next_token(TOKENS), []
    optimizer = AdamW(view.trainable_parameters(), lr=0.05)
    for _ in range(15):
        logits, cache = view.forward(batch.tokens)
        loss, dlogits = cross_entropy(logits, batch)
        view.backward(dlogits, cache)
        optimizer.step()
        losses.append(loss)
    expect(losses[-1] < losses[0], f"the loss goes from {losses[0]:.3f} to {losses[-1]:.3f}")
    after = [p.data.tobytes() for p in model.parameters()]
    expect(before == after, "the model that was handed in has changed")


@OWN.law("fewer numbers learn than the weights of the targets have, and some do")
def few_numbers_learn(method):
    """`begin` freezes the base; a layer's own Parameters learn."""
    model, view = applied(method)
    learns = sum(p.size for p in view.parameters() if p.trainable)
    weights = sum(w.size for n, w in model.named_parameters() if n.endswith(WEIGHTS))
    expect(0 < learns < weights, f"{learns} numbers learn, and the targets' weights are {weights}")


for law in METHOD.laws:  # what holds for VeRA holds for every method, but for its count
    if law.function is not only_vectors_learn:
        OWN.law(law.statement)(law.function)
