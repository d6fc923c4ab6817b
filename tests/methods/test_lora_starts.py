"""LoRA's other starts, and LoRA-FA: PEFT's numbers on the tiny Llama, and what a start keeps."""

import numpy as np
import pytest

from golden.readers.golden_shapes import SHAPES
from helpers.safetensors_files import load_file
from lora_np.checkpoint import load_llama
from lora_np.methods import LoRA
from lora_np.methods.low_rank.lora_init import olora
from lora_np.methods.low_rank.lora_starts import corda, eva, lora_ga
from lora_np.tasks import Batch
from lora_np.train.lora_fa import LoRAFA

GOLDEN = load_file(SHAPES / "starts.safetensors")
TOKENS = GOLDEN["tokens"]
BATCH = Batch(TOKENS, TOKENS, np.ones(TOKENS.shape, np.float32))
LAYERS = ("q_proj", "down_proj")
MADE = {
    "olora": lambda model: olora,
    "eva": lambda model: eva(model, BATCH),
    "corda_ipm": lambda model: corda(model, BATCH),
    "corda_kpm": lambda model: corda(model, BATCH, keep=True),
    "lora_ga": lambda model: lora_ga(model, BATCH, given),
}


def given(logits, batch):
    return 0.0, GOLDEN["dlogits"].astype(logits.dtype)


@pytest.fixture(scope="module")
def base():
    return load_llama(SHAPES / "base").astype(np.float64)


def started(base, init):
    return LoRA(2, 6.0, LAYERS, init=init).apply(base, np.random.default_rng(0))


def factors(model):
    found = {name.split(".")[-1]: layer for name, layer in model.linears()}
    return {name: (found[name].A.data.T, found[name].B.data.T) for name in LAYERS}


@pytest.mark.parametrize("name", MADE)
def test_a_start_is_that_of_peft(base, name):
    """To three digits, as PEFT's singular vectors are approximate, and up to the sign of a
    direction, which is free; LoRA-GA up to its length too: there PEFT's are not the paper's."""
    for layer, pair in factors(started(base, MADE[name](base))).items():
        for factor, ours, axis in zip("AB", pair, (1, 0)):
            theirs = GOLDEN[f"{name}.{layer}.{factor}"]
            if name == "lora_ga":
                ours, theirs = (
                    x / np.linalg.norm(x, axis=axis, keepdims=True) for x in (ours, theirs)
                )
            sign = np.sign((ours * theirs).sum(axis=axis, keepdims=True))
            assert (
                np.abs(ours - np.where(sign, sign, 1) * theirs).max() <= 1e-3 * np.abs(theirs).max()
            )


@pytest.mark.parametrize("name", MADE)
def test_a_start_changes_nothing(base, name):
    model = started(base, MADE[name](base))
    assert np.abs(model(TOKENS) - base(TOKENS)).max() < 1e-6
    assert all(layer.trains() for end, layer in model.linears() if end.endswith(LAYERS))


def test_three_steps_of_lora_fa_are_those_of_peft(base):
    """To three digits: PEFT makes the one product of LoRA-FA in bfloat16 where there is any."""
    model = started(base, olora)
    for layer, pair in factors(model).items():
        for factor, ours in zip("AB", pair):
            ours[...] = GOLDEN[f"start.{layer}.{factor}"]
    plain = {name: layer for name, layer in base.linears()}
    for name, layer in model.linears():
        if name.endswith(LAYERS):
            layer.base.weight.data = plain[name].weight.data
    optimizer = LoRAFA(model, 0.01, eps=1e-6)
    for _ in range(3):
        logits, cache = model.forward(TOKENS)
        model.backward(given(logits, BATCH)[1], cache)
        optimizer.step()
    for layer, (A, B) in factors(model).items():
        assert np.array_equal(A, GOLDEN[f"start.{layer}.A"].astype(float))
        theirs = GOLDEN[f"lora_fa.{layer}.B"]
        assert np.abs(B - theirs).max() < 5e-3 * np.abs(theirs).max()
