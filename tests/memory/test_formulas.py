"""What the memory formulas count, each term where it is the one that decides."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.llamas import CONFIG
from lora_np import SGD, AdamW, LoRA, cross_entropy, next_token
from lora_np.memory import formulas, measured
from lora_np.nn import GPT, GPTConfig, Llama, Parameter
from lora_np.nn.attention import LONG
from lora_np.nn.functional import PIECE
from lora_np.nn.long_attention import KEYS
from lora_np.recipes.step_memory import held_in_a_step
from lora_np.train import AdamW8bit

B, HELD = 2, {"weights": 1000, "moments": 200, "gradients": 5000, "activations": 7}


def gpt(T, V=5, d=4, heads=2, inner=8, layers=2):
    return GPTConfig(V, T, d, layers, heads, inner)


@pytest.mark.parametrize(
    ("config", "options", "each_token", "beside"),
    [
        (gpt(3, V=1000), {}, 3 * 1000, 7),  # the loss
        (gpt(3, inner=100), {}, 2 * 5 + 2 * 100 + 2 * 4, 7 + 5000),  # the MLP
        (gpt(3, d=5, heads=1, inner=None), {}, 2 * 5 + 2 * 20 + 2 * 5, 7 + 5000),
        (gpt(3, d=50, heads=50), {}, 2 * 5 + 50 * 3 + 8 * 50, 7 + 5000),  # the attention
        (gpt(LONG), {}, 2 * 5 + 2 * 2 * KEYS + 10 * 4, 7 + 5000),
        (gpt(3), {"dense": 3000}, 2 * 5 + 8 + 3 * 4, 7 + 5000 + 4 * 3000),  # a layer in 4 bits
        (gpt(3), {"largest": 9000}, 0, 5000 + 8 * 9000),  # the optimizer's step
    ],
)
def test_each_moment_can_be_the_peak(config, options, each_token, beside):
    T = config.n_positions
    found = formulas.peak(config, B, T, HELD, **{"largest": 1} | options)
    assert found == 1200 + beside + 4 * B * T * each_token


@pytest.mark.parametrize("target", ["c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"])
def test_what_lora_trains_is_counted_under_the_names_of_its_targets(target):
    rng = np.random.default_rng(0)
    model = LoRA(2, 1.0, (target,)).apply(GPT(gpt(3, inner=9), rng), rng)
    trained = sum(p.size for p in model.trainable_parameters())
    assert formulas.gpt2_shape(4, 2, 5, 3, 9).lora(2, (target,)) == trained > 0


@pytest.mark.parametrize(
    ("layers", "how", "inner", "logits"),
    [(2, {"recompute": True}, 90, 2), (1, {"recompute": True}, 90, 0),
     (2, {}, 90, 0), (2, {}, PIECE // 4, 0)],
)  # fmt: skip
def test_gelus_pieces_can_be_the_peak(layers, how, inner, logits):
    held = HELD | {"gradients": 0}
    config = gpt(3, inner=inner, layers=layers)
    found = formulas.peak(config, B, 3, held, largest=1, **how)
    pieces = 8 * min(PIECE, B * 3 * inner)
    assert found == 1207 + 4 * B * 3 * (inner + 3 * 4 + logits * 5) + pieces


def test_a_long_text_holds_no_proportions():
    rng, config = np.random.default_rng(0), gpt(LONG, layers=1)
    model = LoRA(1, 1.0, ("c_attn",)).apply(GPT(config, rng), rng)
    batch = next_token(rng.integers(0, 5, (1, LONG + 1)))
    held = held_in_a_step(model, AdamW(model.trainable_parameters()), batch, cross_entropy, False)
    assert held["activations"] == formulas.activations(config, 1, LONG, keeps=("c_attn",), rank=1)


def test_a_llamas_numbers_are_its_own_networks():
    model = Llama(replace(CONFIG, hidden_size=16), np.random.default_rng(0))
    shape = formulas.llama_shape(16, 2, 7, 8, keys=8, tables=1)
    assert shape.weights == sum(p.size for p in model.parameters())
    for name, widths in {
        "q": 32,
        "o": 32,
        "k": 24,
        "v": 24,
        "gate": 24,
        "up": 24,
        "down": 24,
    }.items():
        assert shape.lora(3, (name,)) == 3 * 2 * widths, name


@pytest.mark.parametrize("sizes", [[4095], [4096], [4097, 10]])
def test_moments_in_8_bits(sizes):
    optimizer = AdamW8bit([Parameter(np.ones(n, np.float32)) for n in sizes])
    for parameter in optimizer.parameters:
        parameter.grad = np.ones_like(parameter.data)
    optimizer.step()
    assert measured.optimizer_bytes(optimizer) == formulas.moments_8bit(sizes)


def test_what_is_counted():
    round_again = [np.zeros(2), {"a": np.zeros(3)}]
    round_again.append(round_again)
    assert measured.array_bytes(round_again) == 40
    assert measured.optimizer_bytes(SGD([Parameter(np.zeros(3))], lr=1.0)) == 0
