"""What is compared when intruders are halved: that alone, and all of the change."""

import numpy as np

from helpers.models import moved, small_gpt, some_tokens
from lora_np.analysis.halved import halved
from lora_np.analysis.spectrum import shrunk
from lora_np.methods import LoRA


def test_intruders_alone_are_halved_or_all_of_the_change():
    """In adapted layers with intruders and without, and in those that have no adapter."""
    base, tokens = small_gpt(), some_tokens()
    adapted = moved(LoRA(2, 6.0, ("attn.c_proj",)).apply(base, np.random.default_rng(0)))
    found = {"h.0.attn.c_proj": {"intruders": [1]}, "h.1.attn.c_proj": {"intruders": []}}
    models = halved(adapted, base, found)
    assert np.array_equal(models["base alone"](tokens), base(tokens))
    assert np.array_equal(models["with the adapter"](tokens), adapted(tokens))
    own, whole = (
        dict(models[how].linears()) for how in ("its intruders halved", "all of its change halved")
    )
    after = dict(adapted.linears())
    for name, layer in base.linears():
        W, new = layer.weight.data, after[name].effective_weight()
        expected = shrunk(new, [1], 0.5) if name == "h.0.attn.c_proj" else new
        np.testing.assert_allclose(own[name].weight.data, expected, atol=1e-12)
        np.testing.assert_allclose(whole[name].weight.data, (W + new) / 2, atol=1e-12)
