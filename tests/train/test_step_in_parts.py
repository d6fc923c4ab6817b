"""A step in parts is the step: the same loss and gradients, and logits of one part at a time."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.grid import OBJECTIVES
from helpers import llamas
from helpers.models import moved, small_gpt, some_tokens
from lora_np.methods import HeadTuning, LoRA, PrefixTuning, PromptTuning
from lora_np.nn import Linear
from lora_np.objectives import cross_entropy
from lora_np.tasks import next_token
from lora_np.train import step
from lora_np.train.step import forward_backward, loss_in_parts


@pytest.mark.parametrize("name", ["full", "head", "LoRA", "norms"])
@given(seed=st.integers(0, 2**32 - 1), parts=st.sampled_from([None, 1, 2, 9]))
def test_same_loss_and_gradients(name, seed, parts):
    base = llamas.small_llama(seed=seed % 50)
    model = moved(llamas.WAYS[name](base, np.random.default_rng(seed)))
    rng = np.random.default_rng(seed)
    batch = next_token(some_tokens(B=4, T=6, seed=seed), rng.integers(2, 7, 4))
    logits, cache = model.forward(batch.tokens)
    loss, dlogits = cross_entropy(logits, batch)
    model.backward(dlogits, cache)
    other, shapes = model.view(), []

    def watched(logits, part):
        shapes.append(logits.shape[0])
        return cross_entropy(logits, part)

    assert abs(forward_backward(other, batch, watched, parts=parts) - loss) < 1e-13
    assert len(shapes) == min(parts or 1, 4) and sum(shapes) == 4
    same_gradients(model, other)


def same_gradients(model, other):
    for (key, p), q in zip(model.named_parameters(), other.parameters()):
        assert (p.grad is None) == (q.grad is None), key
        assert p.grad is None or np.allclose(p.grad, q.grad, atol=1e-13), key


def whole(model, batch, objective):
    logits, cache = model.forward(batch.tokens)
    loss, dlogits = objective(logits, batch)
    model.backward(dlogits, cache)
    return loss


@pytest.mark.parametrize("config", [None, llamas.CONFIG], ids=["GPT", "Llama"])
@pytest.mark.parametrize("teaching", OBJECTIVES, ids=lambda teaching: teaching.name)
@pytest.mark.parametrize("method", [LoRA, PromptTuning, PrefixTuning], ids=lambda m: m.__name__)
def test_every_objective_behind_anything(method, teaching, config):
    """A pair stays one part, and a prompt's positions are never asked."""
    base = small_gpt() if config is None else small_gpt(config)
    targets = {"targets": "all-linear"} if method is LoRA else {}
    rng = np.random.default_rng(0)
    if teaching.n_classes:
        base = HeadTuning(teaching.n_classes).apply(base, rng)
    model = moved(method(2, **targets).apply(base, rng))
    teacher = moved(model.view(), seed=4)
    batch = teaching.batch(model, teacher, next_token(some_tokens(B=4, T=6)), rng)
    other = model.view()
    loss = whole(model, batch, teaching.objective)
    parts = forward_backward(other, batch, teaching.objective, parts=4)
    assert abs(parts - loss) < 1e-13
    assert abs(loss_in_parts(other, batch, teaching.objective) - loss) < 1e-13
    same_gradients(model, other)


def test_a_part_has_few_logits(monkeypatch):
    """As many sequences as PART numbers allow, and never less than one, or a pair."""
    model, tokens = small_gpt(), some_tokens(B=6, T=6)  # 5 targets of 7 tokens: 35 logits each
    for limit, sizes in {10**6: [6], 3 * 35: [3, 3], 2 * 35: [2, 2, 2], 1: [1] * 6}.items():
        monkeypatch.setattr(step, "PART", limit)
        seen = []

        def watched(logits, part, seen=seen):
            seen.append(len(logits))
            return cross_entropy(logits, part)

        forward_backward(model, next_token(tokens), watched)
        assert seen == sizes
    seen.clear()
    forward_backward(model, replace(next_token(tokens), group=2), watched)
    assert seen == [2, 2, 2]


def test_no_head_no_parts():
    with pytest.raises(AttributeError, match="Linear has no attribute 'forward_body'"):
        forward_backward(Linear(np.ones((2, 2))), None, cross_entropy)
