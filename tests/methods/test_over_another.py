"""Methods around a model's only layer in which something learns already."""

import numpy as np
import pytest

from contracts.laws import close
from contracts.shape_cases import ROWS
from helpers.models import moved
from lora_np import FullFineTuning, Linear, LoRA, Module
from lora_np.gradcheck import check_gradients
from lora_np.methods import BitFit, DoRA
from lora_np.nn import GPTConfig

CONFIG = GPTConfig(vocab_size=4, n_positions=4, n_embd=4, n_layer=1, n_head=2)


class Alone(Module):
    def __init__(self, rng):
        self.layer = Linear(rng.standard_normal((4, 8)), rng.standard_normal(8))


FIRST = {"LoRA": LoRA(2, 3.0, "all-linear"), "full": FullFineTuning(), "BitFit": BitFit()}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("first", FIRST)
def test_what_learns_below_has_its_gradient(first, name):
    """Of the weight, where a method multiplies by it, and of the bias, where it scales all else."""
    rng = np.random.default_rng(0)
    model = moved(FIRST[first].apply(Alone(rng), rng))
    layer = moved(ROWS[name][0](CONFIG).apply(model, rng)).layer
    x = rng.standard_normal((2, 3, 4))
    for of, error in check_gradients(layer, x).items():
        assert error < 1e-6, f"gradient of {of}: {error:.3g}"
    close(layer(x), x @ layer.effective_weight() + layer.effective_bias(), "y", 1e-12)


def test_below_a_dora_too():
    """‖V‖ is held constant, so it is in the differences: it stands still while W moves."""
    rng = np.random.default_rng(0)
    model = FullFineTuning().apply(Alone(rng), rng)
    layer = moved(DoRA(2, 3.0, "all-linear").apply(model, rng)).layer
    x = rng.standard_normal((2, 3, 4))
    for of, error in check_gradients(layer, x, **layer.constants()).items():
        assert error < 1e-6, f"gradient of {of}: {error:.3g}"
