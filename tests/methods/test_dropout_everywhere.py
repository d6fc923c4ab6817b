"""An adapter's dropout runs wherever the adapter stands: every layer hands its rng on."""

import numpy as np
import pytest

from helpers import llamas
from helpers.models import moved, small_gpt, some_tokens
from lora_np.methods import IA3, BottleneckAdapters, LoRA

RNG = np.random.default_rng
PLACES = [
    (make, name)
    for make in (small_gpt, llamas.small_llama)
    for name in dict.fromkeys(n.split(".", 2)[2] for n, _ in make().linears())
]


@pytest.mark.parametrize(("make", "place"), PLACES, ids=[name for _, name in PLACES])
def test_dropout_at(make, place):
    """With an rng the logits change, and the same rng gives the same bits."""
    tokens = some_tokens()
    model = moved(LoRA(2, 3.0, (place,), dropout=0.5).apply(make(), RNG(0)))
    dropped, again = (model.forward(tokens, rng=RNG(1))[0] for _ in range(2))
    assert np.array_equal(dropped, again)
    assert np.abs(dropped - model(tokens)).max() > 1e-4


def test_through_an_adapter_and_a_scale():
    tokens = some_tokens()
    base = moved(LoRA(2, 3.0, "all-linear", dropout=0.5).apply(small_gpt(), RNG(0)))
    expected = base.forward(tokens, rng=RNG(1))[0]
    assert np.abs(expected - base(tokens)).max() > 1e-4
    for method in (IA3("all-linear", ()), IA3((), "all-linear"), BottleneckAdapters(2)):
        got = method.apply(base, RNG(0)).forward(tokens, rng=RNG(1))[0]
        assert np.array_equal(got, expected), "at their start they change nothing"
