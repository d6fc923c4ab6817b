"""QLoRA as composition: LoRA over NF4 bases, whatever the factors' init."""

import functools

import numpy as np
import pytest
from hypothesis import given

from contracts.laws import close
from helpers.builders import linear, loftq_start, pissa_start
from helpers.strategies import cases
from lora_np.methods import LoRA, LoRALinear, QLoRA, merge
from lora_np.methods.low_rank.lora_init import loftq, pissa
from lora_np.nn import Linear, Module
from lora_np.quant import NF4Linear


class TwoLayers(Module):
    """y = c_proj(c_attn(x)): a target, and a layer that is only quantized."""

    def __init__(self, dtype=np.float32):
        rng = np.random.default_rng(0)
        self.c_attn = Linear(rng.standard_normal((24, 40), dtype), np.zeros(40, dtype))
        self.c_proj = Linear(rng.standard_normal((40, 16), dtype))

    def forward(self, x, *, rng=None):
        h, attn_cache = self.c_attn.forward(x, rng=rng)
        y, proj_cache = self.c_proj.forward(h, rng=rng)
        return y, (attn_cache, proj_cache)

    def backward(self, dy, cache):
        attn_cache, proj_cache = cache
        dh = self.c_proj.backward(dy, proj_cache)
        return self.c_attn.backward(dh, attn_cache)


def rng():
    return np.random.default_rng(1)


def relative_error(got, expected):
    return np.linalg.norm(got - expected) / np.linalg.norm(expected)


def test_every_linear_layer_is_in_four_bits_and_the_targets_learn():
    model = TwoLayers()
    before = {name: p.data.tobytes() for name, p in model.named_parameters()}
    tuned = QLoRA(rank=2, alpha=6, targets=("c_attn",), block_size=32, double_quant=True).apply(
        model, rng()
    )
    assert isinstance(tuned.c_attn, LoRALinear)
    for layer in (tuned.c_attn.base, tuned.c_proj):
        assert isinstance(layer, NF4Linear)
        assert layer.quantized.block_size == 32 and layer.quantized.double_quant
    names = {name: p.trainable for name, p in tuned.named_parameters()}
    assert names == {"c_attn.A": True, "c_attn.B": True, "c_attn.bias": False}
    assert {name: p.data.tobytes() for name, p in model.named_parameters()} == before
    assert type(model.c_attn) is Linear and model.methods == ()
    assert tuned.methods == (QLoRA(2, 6, ("c_attn",), block_size=32, double_quant=True),)


def test_it_learns_and_the_base_does_not():
    tuned = QLoRA(rank=4, alpha=8, targets="all-linear").apply(TwoLayers(), rng())
    bases = [tuned.c_attn.base.quantized, tuned.c_proj.base.quantized]
    before = [base.codes.tobytes() + base.absmax.tobytes() for base in bases]
    x = rng().standard_normal((8, 24), np.float32)
    target = tuned(x) + rng().standard_normal((8, 16), np.float32)
    losses = []
    for _ in range(40):
        y, cache = tuned.forward(x)
        losses.append(float(((y - target) ** 2).sum() / 2))
        tuned.backward(y - target, cache)
        for p in tuned.trainable_parameters():
            p.data -= np.float32(2e-5) * p.grad
            p.grad = None
    assert losses[-1] < 0.9 * losses[0]  # 0.66 to 0.77 over six seeds
    assert [base.codes.tobytes() + base.absmax.tobytes() for base in bases] == before


def test_merge_gives_the_model_that_was_trained():
    tuned = QLoRA(rank=2, alpha=6).apply(TwoLayers(), rng())
    tuned.c_attn.B.data += np.float32(0.1)
    merged, x = merge(tuned), rng().standard_normal((5, 24), np.float32)
    assert type(merged.c_attn) is type(merged.c_proj) is Linear
    close(merged(x), tuned(x), "merged against tuned", 1e-5)


def test_a_model_taken_to_float64_merges_there():
    """Layers that are only quantized follow `astype`, though they have no Parameter to convert."""
    tuned = QLoRA(rank=2, alpha=6).apply(TwoLayers(), rng()).astype(np.float64)
    tuned.c_attn.B.data += 0.1
    merged, x = merge(tuned), rng().standard_normal((5, 24))
    assert merged.c_proj.dtype == np.float64
    close(merged(x), tuned(x), "merged against tuned", 1e-12)


def test_a_second_view_shares_the_four_bits():
    tuned = QLoRA(rank=2).apply(TwoLayers(), rng())
    assert tuned.view().c_proj.quantized is tuned.c_proj.quantized


def test_a_model_in_four_bits_already_stays_as_it_is():
    model = merge(QLoRA(rank=2).apply(TwoLayers(), rng()))
    model.c_proj = NF4Linear.from_linear(model.c_proj, block_size=16)
    tuned = QLoRA(rank=2, block_size=64).apply(model, rng())
    assert tuned.c_proj.quantized is model.c_proj.quantized


def test_a_bias_that_learnt_before_still_does():
    model = TwoLayers().view().freeze()
    model.methods = ("biases",)
    model.c_attn.bias.train()
    for init in (loftq, pissa):
        tuned = QLoRA(rank=2, init=init).apply(model, rng())
        assert [name for name, _ in tuned.named_parameters()] == [
            "c_attn.A",
            "c_attn.B",
            "c_attn.bias",
        ]
        assert tuned.c_attn.base.bias.trainable


def test_errors():
    with pytest.raises(ValueError, match="block size that is a whole number from 1, got 0"):
        QLoRA(block_size=0)
    with pytest.raises(ValueError, match="rank from 1, a whole number"):
        QLoRA(rank=0)
    with pytest.raises(ValueError, match="'c_fc' matches no linear layer.*c_attn .*, c_proj"):
        QLoRA(targets=("c_fc",)).apply(TwoLayers(), rng())
    learning = TwoLayers()
    learning.methods = ("full fine-tuning",)
    with pytest.raises(ValueError, match="c_attn learns, and a weight in 4 bits cannot"):
        QLoRA(rank=2).apply(learning, rng())


@given(case=cases())
def test_pissa_starts_as_the_layer_it_wraps(case):
    close(pissa_start(case)(case.x()), linear(case)(case.x()), "output at init", 1e-10)


@given(case=cases())
def test_pissa_holds_the_largest_directions(case):
    """What the base keeps has the singular values that the factors did not take."""
    singular = np.linalg.svd(linear(case).weight.data, compute_uv=False)
    rest = np.linalg.svd(pissa_start(case).base.weight.data, compute_uv=False)
    close(rest[: singular.size - case.rank], singular[case.rank :], "singular values", 1e-10)
    layer = pissa_start(case)  # A and B share the values equally
    norms = np.linalg.norm(layer.A.data, axis=0), np.linalg.norm(layer.B.data, axis=1)
    close(norms[0], norms[1], "norms of A's columns and B's rows", 1e-10)


@given(case=cases())
def test_loftq_factors_fit_the_rounding_error(case):
    """No A·B of rank r is nearer to W − Q, so LoftQ is never worse than its own base alone."""
    layer, weight = loftq_start(case), linear(case).weight.data
    rounded = weight - layer.base.effective_weight()
    left = np.linalg.norm(weight - layer.effective_weight())
    singular = np.linalg.svd(rounded, compute_uv=False)
    assert abs(left - np.linalg.norm(singular[case.rank :])) <= 1e-9


@pytest.mark.parametrize("init", [loftq, pissa], ids=["loftq", "pissa"])
def test_inits_that_see_the_weight_start_nearer_to_it(init):
    """The reason that QLoRA rounds after the factors start."""
    model = TwoLayers()
    weight = model.c_attn.weight.data
    plain = QLoRA(rank=8, alpha=12).apply(model, rng())
    informed = QLoRA(rank=8, alpha=12, init=init).apply(model, rng())
    assert isinstance(informed.c_attn.base, NF4Linear)
    error = relative_error(informed.c_attn.effective_weight(), weight)
    assert error < 0.9 * relative_error(plain.c_attn.effective_weight(), weight)


def test_loftq_brings_its_own_block_size():
    init = functools.partial(loftq, block_size=16, iterations=1)
    tuned = QLoRA(rank=2, init=init).apply(TwoLayers(), rng())
    assert tuned.c_attn.base.quantized.block_size == 16
    assert tuned.c_proj.quantized.block_size == 64


@pytest.mark.parametrize("init", [loftq, pissa], ids=["loftq", "pissa"])
def test_what_an_init_refuses(init):
    with pytest.raises(ValueError, match="scale above 0"):
        LoRA(rank=2, alpha=-1.0, init=init).apply(TwoLayers(), rng())
    wrapped = LoRALinear(TwoLayers().c_attn, 2, 3, rng())
    with pytest.raises(ValueError, match="plain layer to split, got LoRALinear"):
        LoRALinear(wrapped, 2, 3, rng(), init=init)


def test_loftq_needs_an_iteration():
    with pytest.raises(ValueError, match="iterations from 1, a whole number, got 0"):
        loftq(TwoLayers().c_attn, 2, 1.0, rng(), iterations=0)
