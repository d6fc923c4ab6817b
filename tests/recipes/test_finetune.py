"""The recipes: pretraining at random offsets, and a fine-tune's numbers."""

import json

import numpy as np
import pytest

from helpers.models import CONFIG, small_gpt, some_tokens
from lora_np import BitFit, FullFineTuning, HeadTuning, LoRA, QLoRA
from lora_np.nn import GPT, GPTConfig
from lora_np.recipes.finetune import describe, finetune, usual_rate
from lora_np.recipes.pretrain import RandomOffsets, pretrain
from lora_np.tasks import text
from lora_np.tokenizers.byte import VOCABULARY

TINY = GPTConfig(VOCABULARY, n_positions=40, n_embd=16, n_layer=1, n_head=2)


def repeating(name, words):
    return text.split(name, {f"{name} {i}": f"{i}: {words * 40}" for i in range(3)})


def test_windows_start_anywhere_and_each_on_its_own_and_only_with_an_rng():
    model, tokens = small_gpt(), some_tokens(B=200, T=6)
    shifted = RandomOffsets(model)
    offsets = np.random.default_rng(4).integers(0, 3, 200)
    assert set(offsets) == {0, 1, 2}, "8 positions leave room for offsets 0, 1 and 2"
    logits, cache = shifted.forward(tokens, rng=np.random.default_rng(4))
    np.testing.assert_array_equal(logits, model(tokens, position=offsets))
    np.testing.assert_array_equal(shifted(tokens), model(tokens))
    shifted.backward(np.ones_like(logits), cache)
    assert (np.abs(model.wpe.weight.grad).sum(axis=1) > 0).all(), "every position learns"
    assert CONFIG.n_positions == 8


def test_pretraining_learns_the_same_again_from_the_same_seed(tmp_path):
    reading, options = repeating("prose", "the cat sat. "), {"batch_size": 4, "length": 16}
    model, history = pretrain(reading, TINY, steps=40, **options)
    before, after = history.evaluations[0]["prose"], history.evaluations[-1]["prose"]
    assert after < 0.7 * before
    again, _ = pretrain(reading, TINY, steps=40, state=tmp_path / "state.safetensors", **options)
    for p, q in zip(model.parameters(), again.parameters()):
        assert p.data.tobytes() == q.data.tobytes()


@pytest.mark.parametrize(
    "method", [FullFineTuning(), HeadTuning(), LoRA(2, 4.0, "all-linear"), QLoRA(2, 4.0)]
)
def test_a_fine_tunes_numbers(method):
    base = GPT(TINY, np.random.default_rng(0))
    frozen = [p.data.tobytes() for p in base.parameters()]
    code, prose = repeating("code", "def f(x): return x\n"), repeating("prose", "the cat sat. ")
    model, history, n = finetune(
        base, method, code, [prose], lr=0.02, steps=25, batch_size=4, length=16, windows=8
    )
    assert [p.data.tobytes() for p in base.parameters()] == frozen, "the base stays as it was"
    assert set(n["base"]) == set(n["before"]) == set(n["after"]) == {"code", "prose"}
    assert n["after"]["code"] < n["before"]["code"] and n["steps"] == len(history.losses) == 25
    if not isinstance(method, QLoRA):
        assert n["before"] == n["base"], "every method starts as its base; 4 bits round it"
    else:
        assert n["before"] != n["base"]
    assert n["trained"] == sum(p.size for p in model.trainable_parameters())
    assert n["bytes"]["gradients"] == 4 * n["trained"]
    assert n["bytes"]["moments"] == 8 * n["trained"]
    json.dumps(n)


def test_the_usual_rate_falls_with_the_width():
    base, code = GPT(TINY, np.random.default_rng(0)), repeating("code", "def f(x): return x\n")
    options = {"steps": 1, "batch_size": 2, "length": 16, "windows": 2}
    for method in (LoRA(2, 4.0), BitFit()):
        _, _, n = finetune(base, method, code, **options)
        assert n["lr"] == usual_rate(method, base) == method.rate * 128 / TINY.n_embd


def test_a_method_describes_itself_without_addresses():
    shown = describe(LoRA(2, 4.0, ("c_attn",)))
    assert shown.startswith("LoRA(rank=2, alpha=4.0, targets=('c_attn',)")
    assert "init=zero_b" in shown and "0x" not in shown
