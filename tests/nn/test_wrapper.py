"""Laws of the tree: names, what stands in another's place, and replacing a layer by its name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import llamas
from helpers.models import CONFIG, small_gpt, some_tokens
from lora_np.methods import LoRALinear, PrefixTuning, PromptTuning
from lora_np.nn import Linear, Module, Wrapper
from lora_np.nn.linear import LinearLike

RNG = np.random.default_rng
CONFIGS = st.sampled_from([CONFIG, llamas.CONFIG])
NAMES = {config: [n for n, _ in small_gpt(config).linears()] for config in (CONFIG, llamas.CONFIG)}


def wrapped_some(config, data):
    """A model, some of its linear layers in 1 to 3 wrappers, and how many by name."""
    model = small_gpt(config)
    layers = st.dictionaries(st.sampled_from(NAMES[config]), st.integers(1, 3))
    depth = data.draw(layers)
    for name, times in depth.items():
        for _ in range(times):
            model.replace(name, LoRALinear(dict(model.linears())[name], 1, 1.0, RNG(0)))
    return model, depth


@given(config=CONFIGS, data=st.data())
def test_wrappers_change_no_name(config, data):
    """What was there keeps its name; linears() gives the outermost, unwrapped() the innermost."""
    plain = small_gpt(config)
    model, depth = wrapped_some(config, data)
    layers, inside = dict(model.linears()), dict(plain.linears())
    assert list(layers) == list(inside) == NAMES[config]
    names = {name for name, _ in plain.named_parameters()}
    factors = {f"{name}.{factor}" for name in depth for factor in "AB"}
    assert {name for name, _ in model.named_parameters()} >= names | factors
    for name, layer in layers.items():
        assert isinstance(layer, Wrapper) == (name in depth)
        assert type(layer.unwrapped()) is Linear
        assert np.array_equal(layer.unwrapped().weight.data, inside[name].weight.data)
        above = [m for n, m in model.named_modules() if n == name]
        assert above[0] is layer and len(above) == depth.get(name, 0) + 1
    assert np.allclose(model(some_tokens()), plain(some_tokens())), "LoRA starts as its base"


@given(config=CONFIGS, data=st.data())
def test_replace_moves_one_place_and_no_other(config, data):
    model, _ = wrapped_some(config, data)
    before = list(model.named_modules())
    name, old = data.draw(st.sampled_from(before[1:]))
    old = next(m for n, m in before if n == name)  # the outermost of that name
    gone, new = {id(m) for m in old.modules()}, Module()
    model.replace(name, new)
    expected = [(n, m) for n, m in before if id(m) not in gone]
    assert [(n, m) for n, m in model.named_modules() if m is not new] == expected
    assert [n for n, m in model.named_modules() if m is new] == [name]


@given(config=CONFIGS, data=st.data())
def test_rebase_keeps_the_wrappers(config, data):
    model, depth = wrapped_some(config, data)
    for name, layer in model.linears():
        new = Linear(layer.unwrapped().weight)
        outermost = layer.rebase(new)
        assert outermost is (layer if name in depth else new)
        assert outermost.unwrapped() is new


@pytest.mark.parametrize("method", [PromptTuning(2), PrefixTuning(2, mlp_width=3)])
def test_a_wrapper_of_the_whole_model_changes_no_name_either(method):
    base = small_gpt()
    model = method.apply(base, RNG(0))
    assert [n for n, _ in model.linears()] == [n for n, _ in base.linears()]
    new = Linear(np.eye(6))
    model.replace("h.1.attn.c_proj", new)
    assert model.unwrapped().h[1].attn.c_proj is new
    own = [n for n, m in model.named_modules() if n == "table"]
    assert own == (["table"] if isinstance(method, PrefixTuning) else [])
    for name in own:  # what is the wrapper's, and not its base's
        model.replace(name, new)
        assert model.table is new


@pytest.mark.parametrize("name", ["", "h", "h.2", "h.1.attn.c_atn", "base", "ln_f.weight", "h.01"])
def test_a_name_that_is_not_there(name):
    with pytest.raises(ValueError, match=f"GPT: there is no module '{name}' to replace"):
        small_gpt().replace(name, Linear(np.eye(6)))


class Told(Wrapper, LinearLike):
    """A layer that takes down which generator it is given."""

    def __init__(self, base, seen):
        self.base, self.seen = base, seen

    def forward(self, x, *, rng=None):
        self.seen.append(rng)
        return self.base.forward(x, rng=rng)


@pytest.mark.parametrize("config", NAMES, ids=["GPT", "Llama"])
def test_every_linear_layer_draws_from_the_generator_of_the_step(config):
    """Whatever stands there: a LoRA's dropout does."""
    model, seen, rng = small_gpt(config), [], RNG(0)
    for name, layer in [*model.linears()]:
        model.replace(name, Told(layer, seen))
    x, _ = model.embed(some_tokens())
    model.forward(some_tokens(), rng=rng)
    assert len(seen) == len(NAMES[config]) and all(each is rng for each in seen)
    for name, part in model.named_modules():
        if name.endswith(("attn", "mlp")):
            part.recall(x, rng=rng)
    assert len(seen) > len(NAMES[config]) and all(each is rng for each in seen)
