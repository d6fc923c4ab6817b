"""LoRA-FA: A stays, and B moves W as near to W's own gradient as it can."""

import numpy as np

from helpers.models import moved, small_gpt
from lora_np.methods import LoRA, LoRALinear
from lora_np.methods.targets import layers_of
from lora_np.train import AdamW
from lora_np.train.lora_fa import LoRAFA

RNG = np.random.default_rng


def test_bs_gradient_becomes_the_least_squares_answer_to_ws(monkeypatch):
    """With dB = s·Aᵀdw it is made such that s·A·dB is the part of dw that A's columns span."""
    model = LoRA(2, 3.0).apply(small_gpt(), RNG(0))
    layers = [layer for _, layer in layers_of(model, LoRALinear)]
    layers[0].A.grad = np.ones_like(layers[0].A.data)
    optimizer, wanted = LoRAFA(model, 0.1), []
    assert layers and optimizer.parameters == [layer.B for layer in layers]
    assert all(layer.A.grad is None and not layer.A.trainable for layer in layers)
    for layer in layers[1:]:  # the first got no gradient
        dw = RNG(1).standard_normal((layer.in_features, layer.out_features))
        layer.B.grad = layer.scale * layer.A.data.T @ dw
        wanted.append(layer.A.data @ np.linalg.lstsq(layer.A.data, dw, rcond=None)[0])
    monkeypatch.setattr(AdamW, "step", lambda self: None)
    optimizer.step()
    assert layers[0].B.grad is None
    for layer, nearest in zip(layers[1:], wanted, strict=True):
        assert np.allclose(layer.scale * layer.A.data @ layer.B.grad, nearest, atol=1e-5)


def test_where_the_gradient_is_zero_only_adamws_weight_decay_moves_b():
    model = moved(LoRA(2, 3.0).apply(small_gpt(), RNG(0)))
    optimizer = LoRAFA(model, 0.1, weight_decay=0.5)
    before = [p.data.copy() for p in optimizer.parameters]
    for p in optimizer.parameters:
        p.grad = np.zeros_like(p.data)
    optimizer.step()
    for p, old in zip(optimizer.parameters, before, strict=True):
        assert np.allclose(p.data, 0.95 * old, rtol=1e-12, atol=0)
