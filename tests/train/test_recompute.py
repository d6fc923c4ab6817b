"""Recomputation: the same bits, also of dropout, in the memory of what blocks read."""

from dataclasses import replace

import numpy as np
import pytest

from helpers import llamas
from helpers.methods import small
from helpers.models import DROPOUT, small_gpt, some_tokens
from lora_np import AdamW, cross_entropy, next_token
from lora_np.memory.measured import array_bytes
from lora_np.methods import IA3, METHODS, BitFit
from lora_np.nn import Linear
from lora_np.nn.block import Block
from lora_np.train import train
from lora_np.train.step import forward_backward

CONFIGS = {  # widths that blocks of 4 divide, as BOFT's and RoAd's must
    "GPT": replace(DROPOUT, n_layer=3, n_embd=8, n_inner=12),
    "Llama": replace(
        llamas.CONFIG, model_type="mistral", sliding_window=3, num_hidden_layers=3, hidden_size=8
    ),
}
LEARNERS = [small(method, dropout=0.3) for method in METHODS]


def trained(config, method, **how):
    """The bits after three steps of training with dropout, and the generator's state."""
    rng = np.random.default_rng(0)
    model = method.apply(small_gpt(config), rng)
    batches, optimizer = [next_token(some_tokens(4))] * 3, AdamW(model.trainable_parameters(), 0.1)
    history = train(model, batches, cross_entropy, optimizer, steps=3, rng=rng, **how)
    bits = [p.data.tobytes() for p in model.trainable_parameters()]
    return history.losses, bits, rng.bit_generator.state


@pytest.mark.parametrize(
    ("kind", "method"),
    [("GPT", m) for m in LEARNERS]
    + [("Llama", m) for m in LEARNERS if not isinstance(m, BitFit | IA3)],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_recomputing_changes_no_bit(kind, method):
    config = CONFIGS[kind]
    assert trained(config, method, recompute=True) == trained(config, method)


def test_shards_on_threads_recompute_as_well(monkeypatch):
    monkeypatch.setattr("lora_np.train.step.shard_count", lambda *_: 2)
    how = {"threads": 2}
    assert trained(DROPOUT, LEARNERS[0], recompute=True, **how) == trained(
        DROPOUT, LEARNERS[0], **how
    )


def test_a_cache_serves_two_backward_passes():
    model, batch = small_gpt(DROPOUT), next_token(some_tokens())
    logits, cache = model.forward(batch.tokens, rng=np.random.default_rng(1), recompute=True)
    _, dlogits = cross_entropy(logits, batch)
    model.backward(dlogits, cache)
    once = [p.grad.copy() for p in model.parameters()]
    model.backward(dlogits, cache)
    for p, g in zip(model.parameters(), once):
        np.testing.assert_allclose(p.grad, 2 * g, 1e-12, 1e-15)  # what is tied adds up differently


def test_no_block_but_the_last_keeps_its_inside():
    """Each keeps its input, T·d numbers."""
    model = small_gpt(replace(DROPOUT, n_layer=5))
    tokens = some_tokens(2)
    caches, again = (
        model.forward_body(tokens, recompute=recompute)[1][1][0] for recompute in (False, True)
    )
    x = tokens.size * model.config.n_embd * 8
    assert [array_bytes(each) for each in again[:-1]] == [x] * 4
    weights = [p.data for p in model.parameters()]
    inside = array_bytes(caches[-1], weights) - array_bytes(weights)
    assert array_bytes(again[-1].inside, weights) - array_bytes(weights) == inside > 5 * x


def test_recalling_leaves_out_the_last_product_alone(monkeypatch):
    """Counted: of a frozen block's four layers, one is not run again."""
    model, calls = small_gpt().freeze(), []
    model.ln_f.weight.trainable = True
    forward = Linear.forward

    def counting(self, *args, **options):
        calls.append(self)
        return forward(self, *args, **options)

    monkeypatch.setattr(Linear, "forward", counting)
    block, x = model.h[0], np.ones((1, 3, model.config.n_embd), np.float32)
    block.recall(x)
    mlp = block.mlp
    assert calls == [block.attn.c_attn, block.attn.c_proj, mlp.c_fc]


def test_a_subclass_with_another_forward_recalls_by_that():
    """Or the cache would be of a forward that never ran."""

    class Doubled(Block):
        def forward(self, x, **options):
            return super().forward(2 * x, **options)

    model = small_gpt()
    model.h = [Doubled(b.ln_1, b.attn, b.ln_2, b.mlp) for b in model.h]
    batch, found = next_token(some_tokens()), []
    for recompute in (False, True):
        view = model.view()
        forward_backward(view, batch, cross_entropy, recompute=recompute)
        found.append([p.grad.tobytes() for p in view.parameters()])
    assert found[0] == found[1]
