"""A step in parts is the step: the same loss and gradients, and logits of one part at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import llamas
from lora_np.long_batch import forward_backward_in_parts
from lora_np.objectives import cross_entropy
from lora_np.tasks import next_token
from models import moved, small_gpt, some_tokens


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

    assert abs(forward_backward_in_parts(other, batch, watched, parts=parts) - loss) < 1e-13
    assert len(shapes) == min(parts or 4, 4) and sum(shapes) == 4
    for (key, p), q in zip(model.named_parameters(), other.parameters()):
        assert (p.grad is None) == (q.grad is None), key
        assert p.grad is None or np.allclose(p.grad, q.grad, atol=1e-13), key


def test_a_gpt_too():
    model, batch = small_gpt(), next_token(some_tokens(T=6))
    logits, cache = model.forward(batch.tokens)
    loss, dlogits = cross_entropy(logits, batch)
    model.backward(dlogits, cache)
    other = model.view()
    assert abs(forward_backward_in_parts(other, batch, cross_entropy) - loss) < 1e-13
    for p, q in zip(model.parameters(), other.parameters()):
        assert np.allclose(p.grad, q.grad, atol=1e-13)
