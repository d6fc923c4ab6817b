"""Whatever has a ΔW, as LoRA of a chosen rank: the error is the tail of the singular values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.laws import close
from helpers.models import moved, small_gpt, some_tokens
from lora_np.analysis.spectrum import delta_weights, singular_values, truncated
from lora_np.checkpoint import load_adapter, save_adapter
from lora_np.methods import (
    IA3,
    BottleneckAdapters,
    DoRA,
    FullFineTuning,
    HeadTuning,
    LoRA,
    PromptTuning,
    TinyLoRA,
    merge,
    quantize_base,
    to_lora,
)
from lora_np.methods.combine import reduce_rank

BASE, TOKENS = small_gpt().freeze(), some_tokens()
WAYS = {  # each has a ΔW
    "LoRA": LoRA(2, 3.0, "all-linear"),
    "rsLoRA": LoRA(2, -5.0, rslora=True),
    "DoRA": DoRA(2, 3.0, ("attn.c_proj", "c_fc")),
    "IA3": IA3(),
    "TinyLoRA": TinyLoRA(3, 2),
    "all weights": FullFineTuning(),
}
ways = st.sampled_from(sorted(WAYS))


def tuned(way, seed=1, base=BASE):
    return moved(WAYS[way].apply(base, np.random.default_rng(seed)), seed, 0.2)


def with_method(method):
    return method.apply(BASE, np.random.default_rng(0))


@settings(max_examples=15)
@given(ways, st.integers(1, 6), st.integers(0, 99))
def test_the_error_is_the_tail_of_the_singular_values(way, rank, seed):
    """Eckart and Young: the best of its rank misses exactly what comes after the r-th."""
    model = tuned(way, seed)
    before = {name: p.data.copy() for name, p in model.named_parameters()}
    view, errors = to_lora(model, BASE, rank)
    wanted, got = delta_weights(model, BASE), delta_weights(view, BASE)
    assert set(errors) == {name for name, delta in wanted.items() if delta.any()}
    for name, error in errors.items():
        values = singular_values(wanted[name])
        tail = np.linalg.norm(values[rank:]) / np.linalg.norm(values)
        assert error == pytest.approx(tail, abs=1e-7)
        close(got[name], truncated(wanted[name], rank), name, 1e-9)
        assert np.linalg.matrix_rank(got[name], tol=1e-9) <= rank
    assert all(np.array_equal(p.data, before[name]) for name, p in model.named_parameters())


@settings(max_examples=10)
@given(ways, st.integers(0, 99))
def test_from_its_own_rank_on_it_is_exact(way, seed):
    """The logits too: biases, norms and tables that differ go with it as they are."""
    model = tuned(way, seed)
    ranks = {"LoRA": 2, "rsLoRA": 2, "TinyLoRA": 2}
    for rank in {ranks.get(way, 6), 6}:
        view, errors = to_lora(model, BASE, rank)
        assert max(errors.values()) < 1e-12
        close(view(TOKENS), model(TOKENS), f"{way} at rank {rank}", 1e-10)


@given(st.integers(1, 4))
def test_it_lowers_a_rank_as_reduce_rank_does(rank):
    model = moved(LoRA(4, 3.0).apply(BASE, np.random.default_rng(0)))
    (ours, errors), (theirs, others) = to_lora(model, BASE, rank), reduce_rank(model, rank)
    assert errors == others
    close(ours(TOKENS), theirs(TOKENS), "by both ways", 1e-12)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "all weights"])
def test_what_is_converted_is_saved_and_loaded_as_pefts_lora(way, tmp_path):
    """Of IA3 the biases too, which it scales."""
    base = small_gpt(dtype=np.float32).freeze()
    view, _ = to_lora(tuned(way, base=base), base, 6)
    save_adapter(view, tmp_path / "it")
    np.testing.assert_allclose(
        load_adapter(base, tmp_path / "it")(TOKENS), tuned(way, base=base)(TOKENS), atol=2e-5
    )


def test_a_base_in_4_bits_is_the_base_that_counts():
    base = quantize_base(small_gpt(dtype=np.float32))
    model = moved(LoRA(2, 3.0).apply(base, np.random.default_rng(0)))
    view, errors = to_lora(model, base, 2)
    assert max(errors.values()) < 1e-6
    np.testing.assert_allclose(view(TOKENS), model(TOKENS), atol=1e-5)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: to_lora(with_method(PromptTuning(2)), BASE, 1), "no ΔW"),
        (lambda: to_lora(with_method(BottleneckAdapters(2)), BASE, 1), "no ΔW"),
        (lambda: to_lora(with_method(HeadTuning(3)), BASE, 1), "lm_head"),
        (lambda: to_lora(BASE, BASE, 1), "no linear layer of the two models differs"),
        (lambda: to_lora(BASE, tuned("LoRA"), 1), "a base without methods"),
        (lambda: to_lora(merge(tuned("LoRA")), BASE, 7), r"from 1 to min\(in, out\) = 6"),
        (lambda: to_lora(tuned("LoRA"), BASE, 0), "a rank from 1"),
    ],
)  # fmt: skip
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
