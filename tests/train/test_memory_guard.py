"""What a step will take is known before it, and one too large is refused before it starts."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from helpers import llamas
from helpers.models import CONFIG, DROPOUT, small_gpt, some_tokens
from lora_np import AdamW, cross_entropy, next_token
from lora_np.methods import FullFineTuning, LoRA, PrefixTuning, PromptTuning
from lora_np.nn import attention
from lora_np.recipes.step_memory import held_in_a_step
from lora_np.train import memory_guard, train
from lora_np.train.memory_guard import check_memory, step_bytes
from lora_np.train.step import forward_backward

RNG = np.random.default_rng
GPT = replace(CONFIG, n_positions=64)
LLAMA = replace(llamas.CONFIG, max_position_embeddings=64)
METHODS = [LoRA(2, 3.0, "all-linear"), FullFineTuning(), PromptTuning(2), PrefixTuning(2)]


@pytest.mark.parametrize("config", [GPT, LLAMA], ids=["GPT", "Llama"])
@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("long", [30, 100])
def test_three_short_sequences_tell_what_any_step_keeps(config, method, long, monkeypatch):
    """Within 4 %: arrays that a whole batch shares are counted for each sequence.

    Of long ones, virtual tokens' share of T² is counted as if it were still kept.
    """
    most = 1.3 if long == 30 and isinstance(method, PromptTuning | PrefixTuning) else 1.06
    monkeypatch.setattr(memory_guard, "LONG", long)
    monkeypatch.setattr(attention, "LONG", long)
    monkeypatch.setattr(memory_guard, "LOGITS", 0)
    model = method.apply(small_gpt(config), RNG(0))
    need = step_bytes(model, next_token(some_tokens(1, 40)))
    for B, T in [(1, 5), (3, 39), (2, 50)]:
        optimizer = AdamW(model.trainable_parameters(), lr=0.1)
        held = held_in_a_step(model, optimizer, next_token(some_tokens(B, T + 1)), cross_entropy)
        expected = held["activations"] + held["gradients"]
        assert expected <= need(B, T) * 1.001 <= most * expected


def test_dropouts_masks_are_counted():
    model, batch = small_gpt(replace(DROPOUT, n_positions=64)), next_token(some_tokens(2, 30))
    assert step_bytes(model, batch, rng=RNG(0))(2, 29) > 1.2 * step_bytes(model, batch)(2, 29)


@pytest.mark.parametrize("vocabulary", [7, 3000])
def test_the_estimate_is_near_the_peak(vocabulary):
    """Of a step's own arrays; what comes and goes inside a layer is what it leaves out."""
    config = replace(LLAMA, vocab_size=vocabulary, hidden_size=32, num_hidden_layers=6)
    model = LoRA(2, 3.0, ("q_proj",)).apply(small_gpt(config), RNG(0))
    batch = next_token(some_tokens(6, 50))
    need = step_bytes(model, batch)(6, 49)
    tracemalloc.start()
    forward_backward(model, batch, cross_entropy)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.7 < peak / need < 1.2


def test_a_step_too_large_is_refused_before_it_starts(monkeypatch):
    """What was asked, what there is, what would fit; the suggestion itself is accepted."""
    base = small_gpt(GPT)
    model, tokens = LoRA(2, 3.0, "all-linear").apply(base, RNG(0)), some_tokens(40, 33)
    batch = next_token(tokens)
    enough = step_bytes(model, batch)(10, 32)
    monkeypatch.setattr(memory_guard, "free_bytes", lambda: enough)
    seen = []

    def watched(logits, part):
        seen.append(logits.shape)
        return cross_entropy(logits, part)

    def run(batch, threads=None):
        optimizer = AdamW(model.trainable_parameters(), lr=0.1)
        return train(model, [batch], watched, optimizer, steps=1, threads=threads)

    asked = "a step on 40 sequences of 32 tokens needs about .* GB of memory, and .* GB are free"
    with pytest.raises(ValueError, match=f"{asked}; 10 of them would fit"):
        run(batch)
    with pytest.raises(ValueError, match=asked):
        run(batch, threads=2)
    assert not seen and all(p.grad is None for p in model.parameters())
    assert run(next_token(tokens[:10])).losses
    monkeypatch.setattr(memory_guard, "free_bytes", lambda: step_bytes(model, batch)(1, 20))
    with pytest.raises(ValueError, match="; one of 20 would fit"):
        run(batch)
    monkeypatch.setattr(memory_guard, "free_bytes", lambda: 1)
    with pytest.raises(ValueError, match="; not one token would fit"):
        run(batch)
    monkeypatch.setattr(memory_guard, "free_bytes", lambda: None)  # nothing is refused
    check_memory(model, batch)


def test_a_large_vocabulary_takes_memory(monkeypatch):
    monkeypatch.setattr(memory_guard, "PART", 1)
    need = [
        step_bytes(small_gpt(replace(GPT, vocab_size=v)).freeze(), next_token(some_tokens(2, 9)))
        for v in (7, 1007)
    ]
    assert need[1](2, 8) - need[0](2, 8) == pytest.approx(8 * memory_guard.LOGITS * 8 * 1000)
