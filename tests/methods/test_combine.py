"""Many adapters on one base: sharing, sums, rank reduction, and several in one batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.laws import close
from helpers.models import moved, small_gpt, some_tokens
from lora_np.analysis.adapter_report import inspect_adapter
from lora_np.checkpoint import load_adapter, save_adapter
from lora_np.gradcheck import check_gradients
from lora_np.methods import DoRA, HeadTuning, LoRA, merge, quantize_base
from lora_np.methods.combine import combine, reduce_rank
from lora_np.methods.low_rank.lora_linear import LoRALinear
from lora_np.methods.mixed_batch import for_samples
from lora_np.methods.targets import layers_of

BASE, TOKENS = small_gpt(), some_tokens(B=5)
SETTINGS = {
    "a": LoRA(1, 3.0),
    "b": LoRA(2, 5.0, ("attn.c_proj", "c_attn")),
    "c": LoRA(2, 7.0, "c_fc", rslora=True),
}


def adapters(base=BASE):
    return {
        name: moved(method.apply(base, np.random.default_rng(i)), seed=i)
        for i, (name, method) in enumerate(SETTINGS.items())
    }


def deltas(view):
    return {
        name: layer.scale * layer.A.data @ layer.B.data
        for name, layer in layers_of(view, LoRALinear)
    }


def test_views_share_the_base_and_switching_leaves_no_trace(tmp_path):
    for name, view in adapters().items():
        save_adapter(view, tmp_path / name)
    loaded = {name: load_adapter(BASE, tmp_path / name) for name in SETTINGS}
    base = dict(BASE.named_parameters())
    for view in loaded.values():
        shared = [n for n, p in view.named_parameters() if not p.trainable]
        assert set(shared) == set(base)
        for name in shared:
            assert np.shares_memory(dict(view.named_parameters())[name].data, base[name].data)
    alone = BASE(TOKENS)
    first = {name: view(TOKENS) for name, view in loaded.items()}
    for name in ("c", "a", "b", "a"):
        assert np.array_equal(loaded[name](TOKENS), first[name])
    assert np.array_equal(BASE(TOKENS), alone)


@given(weights=st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_combining_is_exact(weights):
    """ΔW = Σ w_i ΔW_i in every layer, also where only some adapters act."""
    views = adapters()
    combined = deltas(combine(BASE, views.values(), weights))
    parts = [deltas(view) for view in views.values()]
    assert set(combined) == {name for part in parts for name in part}
    for name, delta in combined.items():
        expected = sum(w * part[name] for w, part in zip(weights, parts) if name in part)
        close(delta, expected + np.zeros_like(delta), name)


def test_adding_the_factors_is_something_else():
    """(A₁ + A₂)(B₁ + B₂) has cross terms."""
    one, two = (moved(LoRA(2, 2.0).apply(BASE, np.random.default_rng(i)), i) for i in (1, 2))
    right = deltas(combine(BASE, [one, two]))["h.0.attn.c_attn"]
    first, second = one.h[0].attn.c_attn, two.h[0].attn.c_attn
    wrong = (first.A.data + second.A.data) @ (first.B.data + second.B.data)
    assert np.linalg.norm(wrong - right) > 0.1 * np.linalg.norm(right)


def test_a_sum_acts_at_once_and_saves_as_one(tmp_path):
    combined = combine(BASE, adapters().values())
    save_adapter(combined, tmp_path)
    assert np.array_equal(load_adapter(BASE, tmp_path)(TOKENS), combined(TOKENS))
    close(merge(combined)(TOKENS), combined(TOKENS), "merged sum", 1e-11)


@given(rank=st.integers(1, 6))
def test_rank_reduction_is_the_best_fit_and_knows_its_error(rank):
    views = adapters()
    combined = combine(BASE, views.values(), [0.7, -0.3, 1.5])
    reduced, errors = reduce_rank(combined, rank)
    full, small = deltas(combined), deltas(reduced)
    assert errors.keys() == full.keys() == small.keys()
    for name, delta in full.items():
        S = np.linalg.svd(delta, compute_uv=False)
        best = np.linalg.norm(S[rank:]) / np.linalg.norm(S)
        measured = np.linalg.norm(small[name] - delta) / np.linalg.norm(delta)
        assert abs(errors[name] - best) < 1e-9 and abs(measured - best) < 1e-9
        assert np.linalg.matrix_rank(small[name]) <= rank
    assert reduced.methods == (LoRA(rank, rank, tuple(full)),)
    close(combined(TOKENS), combine(BASE, views.values(), [0.7, -0.3, 1.5])(TOKENS), "the original")


def test_a_batch_for_many():
    """Each sample gets the logits of its own adapter; the fourth asks for none."""
    views = adapters()
    which = ["b", "a", "b", None, "c"]
    mixed = for_samples(BASE, views, which)(TOKENS)
    for i, name in enumerate(which):
        alone = (BASE if name is None else views[name])(TOKENS[i : i + 1])
        close(mixed[i : i + 1], alone, f"sample {i}", 1e-11)


def test_gradients_of_a_mixed_batch_reach_each_adapter():
    which, dlogits = ["b", "a", "b", None, "c"], np.random.default_rng(4).standard_normal((5, 5, 7))
    views, alone = adapters(), adapters()
    model = for_samples(BASE, views, which)
    _, cache = model.forward(TOKENS)
    model.backward(dlogits.copy(), cache)
    for name, view in alone.items():
        own = [i for i, other in enumerate(which) if other == name]
        _, cache = view.forward(TOKENS[own])
        view.backward(dlogits[own].copy(), cache)
        expected = {n: p.grad for n, p in view.named_parameters() if p.trainable}
        got = {n: p.grad for n, p in views[name].named_parameters() if p.trainable}
        for n in expected:
            close(got[n], expected[n], f"{name}: {n}", 1e-10)
    assert all(p.grad is None for p in BASE.parameters())


def test_gradients_of_a_mixed_layer_match_differences():
    views = {name: view for name, view in adapters().items() if name != "c"}
    layer = for_samples(BASE, views, ["b", None, "a", "b"]).h[0].attn.c_attn
    x = np.random.default_rng(5).standard_normal((4, 3, 6))
    assert len(check_gradients(layer, x)) == 5
    assert max(check_gradients(layer, x).values()) < 1e-7


def test_a_base_in_four_bits_is_shared_too():
    base = quantize_base(small_gpt(dtype=np.float32))
    views = adapters(base)
    assert views["a"].h[0].mlp.c_fc.quantized is base.h[0].mlp.c_fc.quantized
    mixed = for_samples(base, views, ["a", "b", "c", "a", None])(TOKENS)
    close(mixed[2:3], views["c"](TOKENS[2:3]), "sample 2", 1e-5)


def test_merging_and_going_back_does_not_drift():
    view = adapters()["b"]
    before = view(TOKENS)
    for _ in range(20):
        merge(view)(TOKENS)
    assert np.array_equal(view(TOKENS), before)


def test_what_inspection_shows():
    view = adapters()["b"]
    shown = inspect_adapter(view)
    assert [layer["name"] for layer in shown["layers"]] == [
        "h.0.attn.c_attn",
        "h.0.attn.c_proj",
        "h.1.attn.c_attn",
        "h.1.attn.c_proj",
    ]
    assert shown["trained"] == sum(p.size for p in view.trainable_parameters())
    first, W = shown["layers"][0], BASE.h[0].attn.c_attn.weight.data
    assert (first["kind"], first["shape"], first["rank"]) == ("LoRALinear", (6, 18), 2)
    assert first["scale"] == 2.5
    expected = np.linalg.norm(deltas(view)["h.0.attn.c_attn"]) / np.linalg.norm(W)
    assert abs(first["change"] - expected) < 1e-12
    assert inspect_adapter(BASE)["layers"] == []
    dora = inspect_adapter(DoRA(2).apply(BASE, np.random.default_rng(0)))
    assert dora["layers"][0]["kind"] == "DoRALinear" and dora["layers"][0]["change"] < 1e-15


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda v: combine(BASE, []), "expected a weight a view, got 0 for 0"),
        (lambda v: combine(BASE, [v["a"]], [1, 2]), "a weight a view, got 2 for 1"),
        (lambda v: combine(small_gpt(), [v["a"]]), "a view of this base.*h.0.attn.c_attn.bias"),
        (lambda v: combine(BASE, [BASE]), "no factors"),
        (
            lambda v: combine(BASE, [HeadTuning().apply(v["a"], np.random.default_rng(0))]),
            "LoRA's factors and no more; lm_head.weight",
        ),
        (
            lambda v: combine(BASE, [DoRA(2).apply(BASE, np.random.default_rng(0))]),
            "no more; h.0.attn.c_attn.A, h.0.attn.c_attn.B, h.0.attn.c_attn.m and 3 more",
        ),
        (lambda v: combine(BASE, [v["b"]] * 4), r"expected a rank from 1 to .* = 6 .* got 8"),
        (lambda v: for_samples(BASE, v, ["z"]), "no adapter 'z'; there are: a, b, c"),
        (lambda v: for_samples(BASE, v, ["a"] * 4)(TOKENS), "expected 4 samples, got 5"),
        (lambda v: reduce_rank(BASE, 1), "no LoRA layers"),
        (lambda v: reduce_rank(v["a"], 7), r"expected a rank from 1 to min\(in, out\) = 6"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make(adapters())


def test_adapters_of_several_ranks_add_up_and_more_than_factors_is_refused():
    base, tokens = small_gpt(), some_tokens()
    one = moved(
        LoRA(2, 3.0, ("c_attn", "c_fc"), rank_pattern={"c_fc": 1}).apply(
            base, np.random.default_rng(0)
        ),
        1,
    )
    two = moved(LoRA(2, 3.0, ("c_fc",)).apply(base, np.random.default_rng(0)), 2)
    both = merge(combine(base, [one, two]))
    for name, layer in both.linears():
        W, each = dict(base.linears())[name].effective_weight(), [one, two]
        deltas = [dict(view.linears())[name].effective_weight() - W for view in each]
        assert np.allclose(layer.effective_weight(), W + sum(deltas), atol=1e-12)
    assert both(tokens).shape == base(tokens).shape
    for more in (LoRA(2, 3.0, ("wte", "c_attn")), LoRA(2, 3.0, bias=True)):
        view = more.apply(base, np.random.default_rng(0))
        with pytest.raises(ValueError, match="expected a view of this base with LoRA's factors"):
            combine(base, [view])
        with pytest.raises(ValueError, match="reduce_rank: .* (is on wte too|has a bias)"):
            reduce_rank(view, 1)
