"""The real model and its tokenizer against what transformers says of the same file."""

import numpy as np
import pytest

from helpers import smollm2
from lora_np.generation import generate

pytestmark = smollm2.needs_the_model


@pytest.mark.parametrize("i", range(3))
def test_logits_agree_with_transformers(i):
    """To 1e-5 of the largest logit, at every position."""
    theirs, _ = smollm2.golden()
    logits = smollm2.model()(theirs[f"{i}.ids"][None])[0]  # (T, V)
    largest = np.abs(logits).max()
    top = np.take_along_axis(logits, theirs[f"{i}.top_ids"], axis=-1)
    assert np.abs(top - theirs[f"{i}.top"]).max() <= 1e-5 * largest
    assert np.abs(logits[:, theirs["spread"]] - theirs[f"{i}.spread"]).max() <= 1e-5 * largest
    norms = np.linalg.norm(logits.astype(np.float64), axis=-1)
    assert np.allclose(norms, theirs[f"{i}.norm"], rtol=1e-5)
    assert np.array_equal(logits.argmax(axis=-1), theirs[f"{i}.top_ids"][:, 0])


def test_tokenizer_agrees_on_awkward_text():
    """Special tokens that a text spells stay text, and every text comes back."""
    tokenizer = smollm2.tokenizer()
    assert (tokenizer.end, tokenizer.vocab_size) == (0, 49152)
    for case in smollm2.golden()[1]["texts"]:
        ids = tokenizer.encode(case["text"])
        assert ids.tolist() == case["as_text"], case["text"]
        assert tokenizer.decode(ids) == case["text"]
    assert tokenizer.encode("<|im_end|>").size > 1


def test_greedy_answers():
    for case in smollm2.golden()[1]["answers"][::2]:
        n = min(len(case["answer"]), 12)
        out = generate(smollm2.model(), np.array(case["ids"]), n)
        assert out[-n:].tolist() == case["answer"][:n], case["question"]
