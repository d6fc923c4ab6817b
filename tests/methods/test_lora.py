"""LoRA as a method on a module of one's own: targets, scale, inits, dropout, merging."""

import math

import numpy as np
import pytest
from hypothesis import given

from contracts.laws import close
from helpers.models import small_gpt
from helpers.strategies import cases
from lora_np import SGD, Linear, LoRA, LoRALinear, Module, merge
from lora_np.gradcheck import check_gradients
from lora_np.methods import lora_plus_groups
from lora_np.methods.describe import describe
from lora_np.methods.low_rank.lora_init import both_zero


class Attention(Module):
    def __init__(self, rng):
        self.c_attn = Linear(rng.standard_normal((4, 6)), rng.standard_normal(6))
        self.c_proj = Linear(rng.standard_normal((6, 4)))


class Model(Module):
    def __init__(self, rng):
        self.attn, self.mlp = Attention(rng), Module()
        self.mlp.c_proj = Linear(rng.standard_normal((4, 4)))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def model(rng):
    return Model(rng)


def trained_names(model):
    return [name for name, p in model.named_parameters() if p.trainable]


@pytest.mark.parametrize("rslora", [False, True])
def test_the_scale_is_that_of_the_bias_too(rng, rslora):
    """y = xW + b + s·((xA)B + c): in forward, in the bias merged, and in both gradients."""
    base, s = Linear(rng.standard_normal((4, 3)), rng.standard_normal(3)), 5 / 2
    s *= math.sqrt(2) if rslora else 1
    layer = LoRALinear(base, 2, 5.0, rng, rslora=rslora, bias=True)
    layer.B.data[...], layer.B_bias.data[...] = rng.standard_normal((2, 3)), [1.0, -2.0, 4.0]
    x, dy = rng.standard_normal((5, 4)), rng.standard_normal((5, 3))
    y, cache = layer.forward(x)
    beside = x @ layer.A.data @ layer.B.data + [1.0, -2.0, 4.0]
    close(y, base(x) + s * beside, "y", 1e-14)
    close(layer.effective_bias(), base.bias.data + s * np.array([1.0, -2.0, 4.0]), "b'", 1e-14)
    layer.backward(dy, cache)
    close(layer.B_bias.grad, s * dy.sum(axis=0), "dc", 1e-14)
    close(layer.B.grad, s * (x @ layer.A.data).T @ dy, "dB", 1e-14)


def test_targets_are_dotted_suffixes(model, rng):
    assert trained_names(LoRA(2, 3.0, ("attn.c_proj",)).apply(model, rng)) == [
        "attn.c_proj.A",
        "attn.c_proj.B",
    ]
    both = trained_names(LoRA(2, 3.0, ("c_proj",)).apply(model, rng))
    assert both == ["attn.c_proj.A", "attn.c_proj.B", "mlp.c_proj.A", "mlp.c_proj.B"]
    assert trained_names(LoRA(2, 3.0, "c_proj").apply(model, rng)) == both
    assert len(trained_names(LoRA(2, 3.0, "all-linear").apply(model, rng))) == 6


def test_apply_returns_a_view_and_leaves_the_model_alone(model, rng):
    before = {name: p.data.tobytes() for name, p in model.named_parameters()}
    view = LoRA(2, 3.0).apply(model, rng)
    assert np.shares_memory(view.attn.c_attn.base.weight.data, model.attn.c_attn.weight.data)
    view.attn.c_attn.A.data += 1
    assert {name: p.data.tobytes() for name, p in model.named_parameters()} == before
    assert all(p.trainable for p in model.parameters())
    assert type(model.attn.c_attn) is Linear and view.methods == (LoRA(2, 3.0),)


def test_a_target_that_matches_nothing_lists_the_names(model, rng):
    with pytest.raises(
        ValueError, match="'q_proj' matches no linear layer.* there are: attn.c_attn \\(1\\), attn"
    ):
        LoRA(targets=("c_attn", "q_proj"), rank=2).apply(model, rng)


def test_part_of_a_name_is_no_suffix(model, rng):
    with pytest.raises(ValueError, match="'proj' matches no linear layer"):
        LoRA(2, targets=("proj",)).apply(model, rng)


def test_applied_twice_is_an_error(model, rng):
    with pytest.raises(ValueError, match="LoRA was already applied"):
        LoRA(2).apply(LoRA(2).apply(model, rng), rng)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rank": 0}, "rank from 1, a whole number, got 0"),
        ({"rank": 2.0}, "rank from 1, a whole number, got 2.0"),
        ({"rank": True}, "rank from 1, a whole number, got True"),
        ({"rank": 5}, r"min\(in, out\) = 4 for a weight \(4, 6\), got 5"),
        ({"alpha": math.inf}, "alpha, finite in float32, got inf"),
        ({"alpha": math.nan}, "alpha, finite in float32, got nan"),
        ({"dropout": 1.0}, "dropout from 0 to below 1, got 1.0"),
        ({"targets": ()}, "no targets"),
    ],
)
def test_bad_settings_are_named(settings, message, model, rng):
    with pytest.raises(ValueError, match=message):
        LoRA(**{"rank": 2, **settings}).apply(model, rng)


@given(case=cases())
def test_scale(case):
    """α/r, and α/√r for rsLoRA."""
    base = Linear(case.array(case.n_in, case.n_out))
    lora = LoRALinear(base, case.rank, case.alpha, case.rng())
    assert lora.scale == case.alpha / case.rank
    rslora = LoRALinear(base, case.rank, case.alpha, case.rng(), rslora=True)
    assert rslora.scale == case.alpha / math.sqrt(case.rank)


@given(case=cases())
def test_padding_the_factors_while_doubling_alpha_changes_nothing(case):
    """Rank 2r with zeros in the new half and 2α is the same function, because s is α/r."""
    base = Linear(case.array(2 * case.n_in, 2 * case.n_out))
    small = LoRALinear(base, case.rank, case.alpha, case.rng())
    small.B.data += case.array(*small.B.shape)
    large = LoRALinear(base, 2 * case.rank, 2 * case.alpha, case.rng())
    large.A.data[...] = np.concatenate([small.A.data, np.zeros_like(small.A.data)], axis=1)
    large.B.data[...] = np.concatenate([small.B.data, np.zeros_like(small.B.data)], axis=0)
    x = case.array(*case.leading, 2 * case.n_in, salt=5)
    close(large(x), small(x), "padded against plain")


@given(case=cases())
def test_A_starts_within_its_bound_and_B_at_zero(case):
    lora = LoRALinear(Linear(case.array(case.n_in, case.n_out)), case.rank, case.alpha, case.rng())
    assert np.abs(lora.A.data).max() <= 1 / math.sqrt(case.n_in) and lora.A.data.all()
    assert not lora.B.data.any()


@given(case=cases())
def test_both_zero_never_learns_and_b_zero_does(case):
    """The gradients of both factors vanish at (0, 0); from (A, 0) the loss falls."""
    x, target = case.x(), case.dy()

    def losses(**options):
        base = Linear(case.array(case.n_in, case.n_out, salt=10))
        layer = LoRALinear(base, case.rank, case.alpha, case.rng(), **options)
        optimizer = SGD(layer.trainable_parameters(), lr=1e-4)
        for _ in range(3):
            y, cache = layer.forward(x)
            yield float(((y - target) ** 2).sum())
            layer.backward(y - target, cache)
            optimizer.step()

    stuck, learns = list(losses(init=both_zero)), list(losses())
    assert stuck[0] == stuck[-1]
    assert learns[-1] < learns[0]


@given(case=cases())
def test_dropout_touches_the_adapter_branch_only(case):
    """With an rng the output is base(x) plus a dropped adapter; without one nothing is dropped."""
    base = Linear(case.array(case.n_in, case.n_out, salt=10))
    layer = LoRALinear(base, case.rank, case.alpha, case.rng(), dropout=0.5)
    x = case.x()
    close(layer(x, rng=case.rng()), base(x), "with B zero, dropout shows nowhere", 0)
    layer.B.data += case.array(*layer.B.shape)
    close(layer(x), x @ layer.effective_weight(), "without an rng", 1e-11)
    xd, _ = layer.forward(x, rng=case.rng())[1][1:3]
    dropped = base(x) + layer.scale * (xd @ layer.A.data @ layer.B.data)
    close(layer(x, rng=case.rng()), dropped, "base on x, adapter on dropped x", 1e-11)
    for name, error in check_gradients(layer, x, dropout=True).items():
        assert error < 1e-7, name


def test_float32_merge_equals_adapter_and_does_not_drift(rng):
    base = Linear(rng.standard_normal((64, 96), dtype=np.float32))
    layer = LoRALinear(base, 8, 16.0, rng)
    layer.B.data += rng.standard_normal(layer.B.shape, dtype=np.float32)
    x = rng.standard_normal((5, 64), dtype=np.float32)
    assert layer(x).dtype == np.float32
    close(layer.merge()(x), layer(x), "float32 merge", 1e-5)
    first = layer.merge().weight.data.tobytes()
    assert all(layer.merge().weight.data.tobytes() == first for _ in range(100))


def test_merge_of_a_whole_module(model, rng):
    view = LoRA(2, 3.0, ("attn.c_attn",)).apply(model, rng)
    view.attn.c_attn.B.data += 1
    merged = merge(view)
    x = rng.standard_normal((3, 4))
    close(merged.attn.c_attn(x), view.attn.c_attn(x), "merged module")
    assert type(merged.attn.c_attn) is Linear and merged.methods == ()
    assert np.shares_memory(merged.mlp.c_proj.weight.data, model.mlp.c_proj.weight.data)
    assert type(view.attn.c_attn) is LoRALinear, "merging leaves the adapter as it was"


def test_lora_plus_gives_B_its_own_rate(model, rng):
    view = LoRA(2, 3.0).apply(model, rng)
    a, b = lora_plus_groups(view, 1e-3, ratio=4)
    assert (a["lr"], b["lr"]) == (1e-3, 4e-3)
    assert a["params"] == [view.attn.c_attn.A] and b["params"] == [view.attn.c_attn.B]
    assert SGD([a, b], lr=1.0).groups[1] == ([view.attn.c_attn.B], 4e-3)


def test_lora_plus_leaves_a_tables_B_the_common_rate(rng):
    """It is random at first, where another layer's B is zero."""
    view = LoRA(2, 3.0, ("wte", "c_attn")).apply(small_gpt(), rng)
    others, Bs = (group["params"] for group in lora_plus_groups(view, 1e-3))
    at = {id(p): name for name, p in view.named_parameters()}
    assert "wte.B" in {at[id(p)] for p in others}
    assert Bs and all(at[id(p)].endswith("c_attn.B") for p in Bs)


def test_a_method_is_described_by_its_settings():
    said = describe(LoRA(2, 3.0, "c_attn", init=both_zero))
    assert said.startswith("LoRA(rank=2, alpha=3.0, targets='c_attn', ")
    assert "init=both_zero" in said and describe(3) == "int()"
