"""A setting may come as a NumPy scalar, as sweeps make them: float32 stays float32 all the same.

NumPy lets a Python number take an array's type, and a float64 scalar change it.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.objective_cases import CASES
from helpers.methods import SMALL
from helpers.models import moved, small_gpt, some_tokens
from helpers.strategies import cases
from lora_np.checkpoint import load_adapter, save_adapter
from lora_np.methods import DoRALinear, LoRA, LoRALinear
from lora_np.methods.low_rank.lora_init import pissa, zero_b
from lora_np.nn import GPT, GPTConfig, LayerNorm, Linear
from lora_np.nn.norm import RMSNorm
from lora_np.objectives import DPO, PPO, Distillation
from lora_np.train import SGD, History
from lora_np.train.resume import save_state

RNG = np.random.default_rng
kinds = st.sampled_from([float, np.float32, np.float64])


def arrays(value):
    """Every array in a cache, however it is nested."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from arrays(item)


def assert_single(module, x, dy):
    """In float32: the output, what is kept, dx, and every gradient."""
    y, cache = module.forward(x)
    dx = module.backward(dy.copy(), cache)
    made = {"y": y, "dx": dx} | {f"cache {i}": a for i, a in enumerate(arrays(cache))}
    made |= {f"gradient of {n}": p.grad for n, p in module.named_parameters() if p.trainable}
    assert {name for name, a in made.items() if a.dtype != np.float32} == set()


@pytest.mark.parametrize("layer", [LoRALinear, DoRALinear])
@pytest.mark.parametrize("init", [zero_b, pissa])
@settings(max_examples=20)
@given(case=cases(), number=kinds, rslora=st.booleans())
def test_alpha(layer, init, case, number, rslora):
    base = Linear(case.array(case.n_in, case.n_out).astype(np.float32))
    alpha = number(case.alpha)
    made = layer(base, case.rank, alpha, case.rng(), rslora=rslora, init=init)
    assert_single(made, case.x().astype(np.float32), case.dy().astype(np.float32))


@given(case=cases(), number=kinds)
def test_epsilon(case, number):
    x, dy = case.x().astype(np.float32), case.x(salt=3).astype(np.float32)
    one, zero = np.ones(case.n_in, np.float32), np.zeros(case.n_in, np.float32)
    assert_single(LayerNorm(one, zero, number(1e-5)), x, dy)
    assert_single(RMSNorm(one, number(1e-5)), x, dy)


@given(seed=st.integers(0, 2**32 - 1), number=kinds)
def test_objectives(seed, number):
    for name, objective in (
        ("distillation", Distillation(number(2.5), number(0.5))),
        ("DPO", DPO(number(0.25))),
        ("PPO", PPO(number(0.25))),
    ):
        logits, batch = CASES[name](seed)
        loss, dlogits = objective(logits.astype(np.float32), batch)
        assert type(loss) is float and dlogits.dtype == np.float32, name


def written(method, directory):
    """What a training state's methods and an adapter's settings are, as files."""
    model = method.apply(GPT(GPTConfig(11, 8, 8, 2, 2), RNG(0)), RNG(0))
    directory.mkdir()
    save_state(directory / "state", model, SGD(model.trainable_parameters(), 0.1), None, History())
    if method.name != "full":  # which is no adapter
        save_adapter(model, directory)
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("method", SMALL, ids=lambda method: method.name)
def test_what_was_trained_with_them_can_be_saved(method, tmp_path):
    kinds = {int: np.int32, float: np.float32}
    numbers = {k: kinds[type(v)](v) for k, v in vars(method).items() if type(v) in kinds}
    pythons = {name: number.item() for name, number in numbers.items()}
    expected = written(replace(method, **pythons), tmp_path / "pythons")
    assert written(replace(method, **numbers), tmp_path / "numpys") == expected


@pytest.mark.parametrize("number", [np.float32, np.float64, np.int64])
def test_so_can_a_scale_of_any_kind(number, tmp_path):
    base, tokens = small_gpt(dtype=np.float32), some_tokens()
    method = LoRA(2, number(3), dropout=np.float32(0.25))
    model = moved(method.apply(base, np.random.default_rng(0)))
    save_adapter(model, tmp_path)
    again = load_adapter(base, tmp_path)
    assert again.methods == (method,) and np.array_equal(again(tokens), model(tokens))
