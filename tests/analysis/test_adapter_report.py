"""What `inspect` says of an adapter is so of the weights that its layers act with."""

import numpy as np
import pytest

from helpers.models import moved, small_gpt
from lora_np.analysis.adapter_report import inspect_adapter
from lora_np.methods import IA3, DoRA, LoRA, PrefixTuning


@pytest.mark.parametrize(
    ("method", "rank", "scale"),
    [
        (LoRA(2, 3.0, ("attn.c_proj", "c_fc")), 2, 1.5),
        (LoRA(4, 6.0, ("c_attn",), rslora=True), 4, 3.0),
        (DoRA(2, 5.0, ("c_fc",)), 2, 2.5),
        (IA3(), None, None),
        (PrefixTuning(2), None, None),
    ],
    ids=lambda each: type(each).__name__,
)
def test_every_wrapped_layer_and_how_far_it_moved(method, rank, scale):
    base = small_gpt()
    model = moved(method.apply(base, np.random.default_rng(0)))
    report, before, after = inspect_adapter(model), dict(base.linears()), dict(model.linears())
    assert report["trained"] == sum(p.size for p in model.trainable_parameters())
    moves = {n for n in before if (before[n].weight.data != after[n].effective_weight()).any()}
    assert {layer["name"] for layer in report["layers"]} == moves
    for layer in report["layers"]:
        W, new = (each[layer["name"]].effective_weight() for each in (before, after))
        assert (layer["rank"], layer["scale"], layer["shape"]) == (rank, scale, W.shape)
        change = np.sqrt(np.square(new - W).sum() / np.square(W).sum())
        assert layer["change"] == pytest.approx(change)
