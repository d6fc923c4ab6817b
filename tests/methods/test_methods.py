"""Methods on the whole model: what moves, how they compose, merging, and what they refuse."""

import numpy as np
import pytest

from helpers.models import CONFIG, WAYS, moved, small_gpt, some_tokens
from lora_np import methods
from lora_np.checkpoint.peft.forms import form_of
from lora_np.methods import METHODS, FullFineTuning, HeadTuning, LoRA, LoRALinear, merge
from lora_np.nn import Head, Linear

RNG = np.random.default_rng


def learning(model):
    return {name for name, p in model.named_parameters() if p.trainable}


def test_what_moves():
    base, d, r = small_gpt(), CONFIG.n_embd, 2
    everything = set(dict(base.named_parameters()))
    factors = {f"h.{i}.attn.c_attn.{f}" for i in range(2) for f in "AB"}
    biases = {name for name in everything if name.endswith("bias")}
    made = {name: way(base, RNG(0)) for name, way in WAYS.items()}
    assert learning(made["full"]) == everything
    assert learning(made["head"]) == learning(made["three classes"]) == {"lm_head.weight"}
    assert learning(made["LoRA"]) == factors
    assert learning(made["LoRA, then a head"]) == factors | {"lm_head.weight"}
    assert learning(made["a head, then LoRA"]) == factors | {"lm_head.weight"}
    assert biases < learning(made["LoRA and biases"])
    assert sum(p.size for p in made["LoRA"].trainable_parameters()) == 2 * r * (d + 3 * d)
    linears = {"attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"}
    expected = {f"h.{i}.{name}.{f}" for i in range(2) for name in linears for f in "AB"}
    assert learning(made["LoRA everywhere"]) == expected
    assert learning(base) == everything


def test_one_list_has_every_method_once_with_a_name_and_a_rate():
    kinds = [kind for kind in vars(methods).values() if isinstance(kind, type)]
    kinds = {kind for kind in kinds if hasattr(kind, "apply")}
    assert kinds == set(map(type, METHODS)) and len({m.name for m in METHODS}) == len(METHODS)
    assert {kind.__name__ for kind in kinds} <= set(methods.__all__)
    assert [m.name for m in METHODS if form_of(m) is None] == ["full"]  # the others' files say how
    for method in METHODS:
        assert 0 < method.rate < 1 and not {"name", "rate"} & vars(method).keys()


def test_a_dotted_target_names_one_of_two():
    """`c_proj` is attention's and the MLP's; `attn.c_proj` only attention's."""
    both = learning(LoRA(2, targets=("c_proj",)).apply(small_gpt(), RNG(0)))
    attention = learning(LoRA(2, targets="attn.c_proj").apply(small_gpt(), RNG(0)))
    assert len(both) == 8 and attention == {name for name in both if ".attn." in name}


def test_base_names_survive_wrapping():
    base = small_gpt()
    wrapped = dict(LoRA(2, targets="all-linear").apply(base, RNG(0)).named_parameters())
    assert set(dict(base.named_parameters())) < set(wrapped)


@pytest.mark.parametrize("name", ["LoRA", "LoRA everywhere", "LoRA, then a head", "full"])
def test_merge_of_the_whole_model(name):
    """A merged model computes the same, holds only plain Linears, and can be adapted again."""
    model = moved(WAYS[name](small_gpt(), RNG(0)))
    merged = merge(model)
    assert np.allclose(merged(some_tokens()), model(some_tokens()), atol=1e-12)
    assert not merged.trainable_parameters() and merged.methods == ()
    assert {type(block.attn.c_attn) for block in merged.h} == {Linear}
    again = LoRA(2).apply(merged, RNG(1))
    assert isinstance(again.h[0].attn.c_attn, LoRALinear)
    assert np.array_equal(again(some_tokens()), merged(some_tokens()))


def test_methods_start_where_the_base_is():
    base, tokens = small_gpt(), some_tokens()
    for name in ("full", "head", "LoRA", "LoRA everywhere"):
        assert np.array_equal(WAYS[name](base, RNG(0))(tokens), base(tokens)), name


def test_new_head():
    base = small_gpt(dtype=np.float32)
    model = HeadTuning(200).apply(base, RNG(0))
    weight = model.lm_head.weight
    assert isinstance(model.lm_head, Head) and weight.shape == (200, CONFIG.n_embd)
    assert weight.dtype == np.float32 and abs(weight.data.std() - 0.02) < 2e-3
    assert model(some_tokens()).shape == (3, 5, 200)
    assert HeadTuning(1).apply(base, RNG(0))(some_tokens()).shape == (3, 5, 1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda m: HeadTuning(0), "n_classes from 1, a whole number, got 0"),
        (lambda m: HeadTuning(2.0), "n_classes from 1, a whole number, got 2.0"),
        (lambda m: HeadTuning().apply(Linear(np.ones((2, 2))), RNG(0)), "model, got Linear"),
        (
            lambda m: LoRA(targets=("c_atn",)).apply(m, RNG(0)),
            "'c_atn' .* mean 'c_attn'.* attn.c_attn",
        ),
        (lambda m: LoRA(targets=("ln_f",)).apply(m, RNG(0)), "'ln_f' matches no linear"),
        (lambda m: LoRA(targets=("attn",)).apply(m, RNG(0)), "'attn' matches no linear"),
        (lambda m: LoRA(7).apply(m, RNG(0)), "a rank from 1 to .* = 6"),
    ],
)
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build(small_gpt())


@pytest.mark.parametrize("method", [FullFineTuning(), HeadTuning(), LoRA(2)])
def test_a_kind_of_method_applies_once(method):
    once = method.apply(small_gpt(), RNG(0))
    with pytest.raises(ValueError, match=f"{type(method).__name__} was already applied"):
        method.apply(once, RNG(0))
