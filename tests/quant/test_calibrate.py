"""What a layer reads is summed up as it is read, and the layer answers as before."""

import numpy as np

from helpers.models import small_gpt, some_tokens
from lora_np.methods import LoRALinear
from lora_np.nn import Linear
from lora_np.quant.calibrate import Inputs, Tap, calibrate
from lora_np.tasks import next_token

RNG = np.random.default_rng


def test_sums_are_of_all_that_was_read():
    x = RNG(0).standard_normal((7, 3))
    inputs = Inputs(np.zeros((3, 3)), np.zeros(3))
    inputs.add(x[:4])
    inputs.add(x[4:])
    assert np.allclose(inputs.hessian, x.T @ x) and np.allclose(inputs.size, np.abs(x).sum(axis=0))
    assert inputs.count == 7


def test_a_tap_answers_as_its_base_does_with_dropout_too():
    base = LoRALinear(Linear(np.eye(3)), 2, 3.0, RNG(0), dropout=0.5)
    base.B.data[...] = 1
    x, inputs = RNG(1).standard_normal((2, 4, 3)), Inputs(np.zeros((3, 3)), np.zeros(3))
    tap = Tap(base, inputs)
    for seed in (None, 2):
        rngs = [None if seed is None else RNG(seed) for _ in range(2)]
        assert np.array_equal(tap.forward(x, rng=rngs[0])[0], base.forward(x, rng=rngs[1])[0])
    assert inputs.count == 16


def test_every_layer_of_a_model_is_counted_and_the_model_left_alone():
    model, batch = small_gpt(), next_token(some_tokens(2, 5))
    before = model(batch.tokens)
    found = calibrate(model, [batch, batch])
    assert list(found) == [name for name, _ in model.linears()]
    assert {inputs.count for inputs in found.values()} == {2 * 2 * 4}
    assert np.array_equal(model(batch.tokens), before)
    assert not any(isinstance(layer, Tap) for _, layer in model.linears())
