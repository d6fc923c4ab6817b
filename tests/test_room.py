"""What a step will take is known before it, and one too large is refused before it starts."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import llamas
from lora_np import AdamW, cross_entropy, long_batch, next_token, room
from lora_np.long_batch import forward_backward_in_parts
from lora_np.memory import held_in_a_step
from lora_np.methods import FullFineTuning, LoRA, PrefixTuning, PromptTuning
from lora_np.room import check_room, free_bytes, largest, step_bytes
from lora_np.train import train
from models import CONFIG, DROPOUT, small_gpt, some_tokens

RNG = np.random.default_rng
GPT = replace(CONFIG, n_positions=64)
LLAMA = replace(llamas.CONFIG, max_position_embeddings=64)
METHODS = [LoRA(2, 3.0, "all-linear"), FullFineTuning(), PromptTuning(2), PrefixTuning(2)]


@pytest.mark.parametrize("config", [GPT, LLAMA], ids=["GPT", "Llama"])
@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_three_short_sequences_tell_what_any_step_keeps(config, method, monkeypatch):
    """Within 4 %: arrays that a whole batch shares are counted for each sequence."""
    monkeypatch.setattr(room, "LOGITS", 0)
    model = method.apply(small_gpt(config), RNG(0))
    need = step_bytes(model, next_token(some_tokens(1, 40)))
    for B, T in [(1, 5), (3, 39), (2, 50)]:
        optimizer = AdamW(model.trainable_parameters(), lr=0.1)
        held = held_in_a_step(model, optimizer, next_token(some_tokens(B, T + 1)), cross_entropy)
        expected = held["activations"] + held["gradients"]
        assert expected <= need(B, T) * 1.001 <= 1.06 * expected


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
    forward_backward_in_parts(model, batch, cross_entropy)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.7 < peak / need < 1.2


def test_a_step_too_large_is_refused_before_it_starts(monkeypatch):
    """What was asked, what there is, what would fit; the suggestion itself is accepted."""
    base = small_gpt(GPT)
    model, tokens = LoRA(2, 3.0, "all-linear").apply(base, RNG(0)), some_tokens(40, 33)
    batch = next_token(tokens)
    enough = step_bytes(model, batch)(10, 32)
    monkeypatch.setattr(room, "free_bytes", lambda: enough)
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
    monkeypatch.setattr(room, "free_bytes", lambda: step_bytes(model, batch)(1, 20))
    with pytest.raises(ValueError, match="; one of 20 would fit"):
        run(batch)
    monkeypatch.setattr(room, "free_bytes", lambda: 1)
    with pytest.raises(ValueError, match="; not one token would fit"):
        run(batch)
    monkeypatch.setattr(room, "free_bytes", lambda: None)  # nobody knows: nothing is refused
    check_room(model, batch)


def test_a_large_vocabulary_takes_room(monkeypatch):
    monkeypatch.setattr(room, "PART", 1)
    assert long_batch.PART > 1
    need = [
        step_bytes(small_gpt(replace(GPT, vocab_size=v)).freeze(), next_token(some_tokens(2, 9)))
        for v in (7, 1007)
    ]
    assert need[1](2, 8) - need[0](2, 8) == pytest.approx(8 * room.LOGITS * 8 * 1000)


def test_largest():
    for true in range(12):
        assert largest(11, lambda n, true=true: n <= true) == min(true, 11)


def test_what_is_free(monkeypatch, tmp_path):
    """The least of what the machine, a container and the process itself leave; or None."""
    assert free_bytes() is None or free_bytes() > 0
    for name, text in {
        "memory.max": "5000\n", "memory.current": "3000\n",
        "memory.stat": "anon 2500\ninactive_file 400\n",
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(room, "CGROUP", tmp_path)
    assert free_bytes() == 5000 - 3000 + 400
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes() is None or free_bytes() > 5000
    for part, left in {"_of_machine": None, "_of_container": 7, "_of_process": 9}.items():
        monkeypatch.setattr(room, part, lambda left=left: left)
    assert free_bytes() == 7
    monkeypatch.setattr(room, "_of_container", lambda: None)
    monkeypatch.setattr(room, "_of_process", lambda: None)
    assert free_bytes() is None
