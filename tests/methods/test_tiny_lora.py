"""TinyLoRA: its own laws, beside those of every method (tests/contracts)."""

import numpy as np
import pytest

from helpers.models import moved, small_gpt, some_tokens
from lora_np.checkpoint import load_adapter, save_adapter
from lora_np.gradcheck import check_gradients
from lora_np.methods import TinyLoRA, TinyLoRALinear, merge
from lora_np.methods.shared_random.tiny_lora import strongest
from lora_np.methods.targets import layers_of
from lora_np.nn import Linear, Parameter
from lora_np.train import AdamW

RNG = np.random.default_rng


def layer(n=5, rank=3, shape=(6, 4)):
    rng = RNG(0)
    v = Parameter(rng.standard_normal(n))
    return TinyLoRALinear(Linear(rng.standard_normal(shape), rng.standard_normal(4)), rank, v, rng)


def test_gradients_are_derivatives_and_the_frozen_have_none():
    tiny, x = layer(), RNG(1).standard_normal((2, 3, 6))
    assert all(error < 1e-7 for error in check_gradients(tiny, x).values())
    y, cache = tiny.forward(x)
    tiny.backward(np.ones_like(y), cache)
    assert [p.size for p in tiny.parameters() if p.grad is not None] == [5]


def test_it_acts_as_the_formula():
    """W + UΣ(Σ vᵢPᵢ)Vᵀ, with NumPy's own SVD and one random matrix after another."""
    tiny = layer()
    W = tiny.base.effective_weight()
    U, S, Vt = np.linalg.svd(W, full_matrices=False)
    R = sum(v * P for v, P in zip(tiny.v.data, tiny.P.data))
    sign = np.sign((tiny.Vt.data * Vt[:3]).sum(axis=1))  # of a pair of singular vectors
    expected = W + (U[:, :3] * S[:3] * sign) @ R @ (sign[:, None] * Vt[:3])
    assert np.allclose(tiny.effective_weight(), expected, atol=1e-12)
    x = RNG(1).standard_normal((7, 6))
    assert np.allclose(tiny(x), x @ expected + tiny.base.bias.data, atol=1e-12)


def test_the_sign_of_singular_vectors_is_settled():
    L, Vt = strongest(RNG(0).standard_normal((8, 5)), 3)
    assert (np.take_along_axis(L, np.abs(L).argmax(axis=0)[None], axis=0) > 0).all()
    assert np.allclose(Vt @ Vt.T, np.eye(3)) and (np.diff(np.linalg.norm(L, axis=0)) < 0).all()


@pytest.mark.parametrize(("shared", "learn"), [(True, 13), (False, 13 * 8)])
def test_one_v_for_all_layers_or_one_each(shared, learn):
    base = small_gpt()
    model = moved(TinyLoRA(shared=shared).apply(base, RNG(0)))
    assert sum(p.size for p in model.trainable_parameters()) == learn
    each = [one for _, one in layers_of(model, TinyLoRALinear)]
    assert len({id(one.v) for one in each}) == (1 if shared else 8)
    assert len({one.P.data.tobytes() for one in each}) == 8, "each layer has its own projections"
    assert np.allclose(merge(model)(some_tokens()), model(some_tokens()), atol=1e-11)


def test_the_gradient_of_a_shared_v_is_the_sum_of_the_layers():
    base, tokens = small_gpt(), some_tokens()
    models = [TinyLoRA(4, shared=shared).apply(base, RNG(0)) for shared in (True, False)]
    for model in models:
        logits, cache = model.forward(tokens)
        model.backward(np.ones_like(logits) * RNG(1).standard_normal(logits.shape), cache)
    one, each = ([p.grad for p in model.trainable_parameters()] for model in models)
    assert len(one) == 1 and np.allclose(one[0], sum(each), atol=1e-11)


def test_a_step_moves_all_layers_and_a_view_keeps_the_sharing():
    base = small_gpt()
    model = TinyLoRA(4).apply(base, RNG(0)).view()
    (v,) = model.trainable_parameters()
    optimizer = AdamW([v], 0.1)
    logits, cache = model.forward(some_tokens())
    model.backward(np.ones_like(logits) * logits, cache)
    optimizer.step()
    assert v.data.all()
    for _, one in layers_of(model, TinyLoRALinear):
        assert one.v is v and not np.allclose(one.effective_weight(), one.base.effective_weight())


@pytest.mark.parametrize("shared", [True, False])
def test_its_file_holds_v_and_the_projections_alone(shared, tmp_path):
    base = small_gpt(dtype=np.float32)
    model = moved(TinyLoRA(5, 2, ("c_attn", "mlp.c_fc"), shared).apply(base, RNG(3)))
    save_adapter(model, tmp_path)
    loaded = load_adapter(base, tmp_path)
    assert np.array_equal(loaded(some_tokens()), model(some_tokens()))
    assert loaded.methods == model.methods
    assert (tmp_path / "adapter_model.safetensors").stat().st_size < 2000


def test_refusals():
    with pytest.raises(ValueError, match="a rank from 1 to min.in, out. = 6"):
        TinyLoRA(rank=7).apply(small_gpt(), RNG(0))
    with pytest.raises(ValueError, match="TinyLoRA: expected numbers from 1"):
        TinyLoRA(0)
