"""Merging: the one dense weight that does what base and branch did."""

import numpy as np

from .law import Broken, law

MERGES = "make forward set_factors merge"


@law(MERGES, "the merged weight is another than forward uses: its scale, order or orientation", 6)
def merged_equals_forward(s, x, W, A, B, alpha):
    """x·W' = layer(x): after merging, nothing is slower and nothing is different."""
    layer, scale = s.moved(W, A, B, alpha), s.scale(alpha, A.shape[1])
    y = s.forward(layer, x)
    guesses = {}
    if s.method in ("lora", "rslora"):
        base, delta = s.base(layer, W), A @ B
        guesses = {
            "merging leaves the scale out": x @ (base + delta),
            "merging uses the scale twice": x @ (base + scale * scale * delta),
            "merging takes alpha for the scale": x @ (base + alpha * delta),
            "merging adds the adapter twice": x @ (base + 2 * scale * delta),
            "merging subtracts the adapter": x @ (base - scale * delta),
            "merging adds nothing": x @ base,
            "merging forgets the base": x @ (scale * delta),
        }
        if delta.shape[0] == delta.shape[1]:
            guesses["merging transposes A B"] = x @ (base + scale * delta.T)
    s.same("x times the merged weight", x @ s.merge(layer), y, guesses)


@law(MERGES, "the merged layer still adds its branch: the adapter counts twice", 6)
def a_merged_layer_answers_the_same(s, x, W, A, B, alpha):
    """Where merging writes into the layer, it also has to switch the branch off."""
    layer = s.moved(W, A, B, alpha)
    y, _ = s.forward(layer, x), s.merge(layer)
    s.same("layer(x) after merging", s.forward(layer, x), y)


@law(MERGES, "a second call adds the adapter again: remember that it is merged", 6)
def merging_again_adds_nothing(s, W, A, B, alpha):
    """Saving twice, or `eval()` twice, must not train the model by accident."""
    layer = s.moved(W, A, B, alpha)
    once, twice = s.merge(layer), s.merge(layer)
    s.same("the weight merged twice", twice, once)


@law(f"{MERGES} unmerge", "unmerging takes off another amount than merging added", 6)
def unmerging_gives_the_base_back(s, x, W, A, B, alpha):
    """Merging and unmerging twenty times leaves no more than rounding."""
    layer = s.moved(W, A, B, alpha)
    y = s.forward(layer, x)
    for _ in range(20):
        s.merge(layer)
        weight = s.unmerge(layer)
    s.same("the base after 20 times there and back", weight, W)
    s.same("layer(x) after 20 times there and back", s.forward(layer, x), y)


@law("make set_factors merge", "merging writes into the W that it was given", 6)
def merging_leaves_the_given_W_alone(s, W, A, B, alpha):
    """W may be shared: another adapter's base, the tied head, the reference model."""
    given = W.copy()
    layer = s.thing.make(given, A.shape[1], alpha)
    s.merge(s.move(layer, A, B))
    if not np.array_equal(given, W):
        raise Broken("W after merging", given, W)


@law(f"{MERGES} weight quantized", "merged onto the weight before it was rounded", 6)
def qlora_merges_onto_what_training_saw(s, W, A, B, alpha):
    """The factors were trained beside the dequantized base, and make up for its rounding: W' is
    that base plus s·A·B, and neither the original W nor a rounded sum."""
    layer = s.moved(W, A, B, alpha)
    base, delta = s.weight(layer), s.scale(alpha, A.shape[1]) * A @ B
    s.same("the merged weight", s.merge(layer), base + delta, {
        "merged onto the weight before it was rounded": W + delta,
    })  # fmt: skip


@law(f"{MERGES} weight quantized", "forward uses another base than the one that is held", 6)
def qlora_computes_with_its_rounded_base(s, x, W, A, B, alpha):
    """y = xŴ + s·xAB with Ŵ dequantized: what is trained is what is used."""
    layer = s.moved(W, A, B, alpha)
    right = x @ s.weight(layer) + s.scale(alpha, A.shape[1]) * x @ A @ B
    s.same("y", s.forward(layer, x), right, {
        "computed with the weight before it was rounded": right + x @ (W - s.weight(layer)),
    })  # fmt: skip
