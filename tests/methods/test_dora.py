"""DoRA: its norm, its gradients with that norm held, and PEFT's own gradients."""

import numpy as np
import pytest
from hypothesis import given

from contracts.laws import close
from golden.readers.golden_hf import ADAPTERS, GOLDEN, base_of
from helpers.builders import dora_start, linear, moved
from helpers.models import small_gpt
from helpers.safetensors_files import load_file
from helpers.strategies import cases
from lora_np import Linear
from lora_np.checkpoint import load_adapter, load_gpt2
from lora_np.gradcheck import check_gradients
from lora_np.methods import DoRA, DoRALinear, LoRALinear
from lora_np.methods.targets import layers_of

GOLDEN_DORA = [name for name in ADAPTERS if "dora" in name]


def test_there_are_golden_gradients():
    assert len(GOLDEN_DORA) == 2


@pytest.mark.parametrize("name", GOLDEN_DORA)
def test_gradients_are_those_of_peft(name):
    """Of Σ g∘logits, by A, B and m of every layer, in float64."""
    directory = GOLDEN / "peft" / name
    expected = load_file(directory / "expected.safetensors")
    model = load_adapter(load_gpt2(base_of(name), dtype=np.float64), directory)
    _, cache = model.forward(expected["tokens"])
    model.backward(expected["g"].astype(np.float64), cache)
    prefix, checked = "grad.base_model.model.transformer.", 0
    for layer_name, layer in layers_of(model, DoRALinear):
        for key, grad in (
            ("lora_A.weight", layer.A.grad.T),
            ("lora_B.weight", layer.B.grad.T),
            ("lora_magnitude_vector.weight", layer.m.grad),
        ):
            theirs = expected[f"{prefix}{layer_name}.{key}"]
            assert theirs.shape == grad.shape
            assert np.abs(grad - theirs).max() < 1e-5 * np.abs(theirs).max(), (layer_name, key)
            checked += 1
    assert checked == sum(key.startswith("grad.") and "lora" in key for key in expected)


@given(case=cases())
def test_the_columns_have_the_lengths_m(case):
    """‖W'_j‖ = |m_j| for each output unit j, wherever A and B went."""
    layer = moved(dora_start)(case)
    lengths = np.linalg.norm(layer.effective_weight(), axis=0)
    close(lengths, np.abs(layer.m.data), "length of each column", 1e-11)


@given(case=cases())
def test_with_the_base_lengths_restored_it_points_as_lora_does(case):
    """The same A and B in LoRA give the same directions."""
    layer = moved(dora_start)(case)
    lora = LoRALinear(linear(case), case.rank, case.alpha, case.rng())
    lora.A.data[...], lora.B.data[...] = layer.A.data, layer.B.data
    V = lora.effective_weight()
    unit = layer.effective_weight() / layer.m.data
    close(unit, V / np.linalg.norm(V, axis=0), "direction", 1e-11)


def test_the_norm_is_a_constant_only_in_backward():
    """With the norm free, finite differences disagree for the factors, and only for them."""
    rng = np.random.default_rng(0)
    layer = DoRALinear(Linear(rng.standard_normal((4, 3))), 2, 3.0, rng)
    layer.B.data += rng.standard_normal(layer.B.shape)
    x = rng.standard_normal((5, 4))
    free, held = check_gradients(layer, x), check_gradients(layer, x, norm=layer.norm())
    assert max(held.values()) < 1e-8
    assert min(free["A"], free["B"]) > 1e-2 and max(free["m"], free["x"]) < 1e-8


@given(case=cases())
def test_dropout_touches_what_the_adapter_adds(case):
    layer = DoRALinear(linear(case), case.rank, case.alpha, case.rng(), dropout=0.5)
    base, x = linear(case), case.x()
    close(layer(x, rng=case.rng()), base(x), "at the start, dropout shows nowhere", 0)
    layer.B.data += case.array(*layer.B.shape)
    for name, error in check_gradients(layer, x, dropout=True, **layer.constants()).items():
        assert error < 1e-7, name


def test_a_unit_without_weights_has_no_direction():
    weight = np.ones((3, 4))
    weight[:, [1, 3]] = 0
    with pytest.raises(ValueError, match=r"output units \[1, 3\] are zero: no direction"):
        DoRALinear(Linear(weight), 2, 3.0, np.random.default_rng(0))


def test_as_a_method():
    base = small_gpt()
    model = DoRA(2, 3.0, ("attn.c_proj",)).apply(base, np.random.default_rng(0))
    learning = [name for name, p in model.named_parameters() if p.trainable]
    assert learning == [f"h.{i}.attn.c_proj.{f}" for i in range(2) for f in ("A", "B", "m")]
    assert type(base.h[0].attn.c_proj) is Linear
