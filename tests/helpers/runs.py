"""A small training run with dropout and a schedule, for tests of the loop and of resuming."""

import numpy as np

from helpers.models import CONFIG
from lora_np import AdamW, FullFineTuning, cross_entropy, next_token
from lora_np.nn import GPT, GPTConfig
from lora_np.train import train, warmup_cosine

DROPPING = GPTConfig(
    vocab_size=7, n_positions=8, n_embd=6, n_layer=2, n_head=2, embd_pdrop=0.1, resid_pdrop=0.2
)


def draw(rng, B=4, T=5):
    """Batches without end of a pattern that can be learnt: each token is the last one plus 1."""
    while True:
        first = rng.integers(0, CONFIG.vocab_size, (B, 1))
        yield next_token((first + np.arange(T + 1)) % CONFIG.vocab_size)


def start(method=None, optimizer=AdamW, seed=0, config=DROPPING):
    """(model, optimizer, rng) of a run that has not begun."""
    rng = np.random.default_rng(seed)
    model = (method or FullFineTuning()).apply(GPT(config, rng), rng)
    return model, optimizer(model.trainable_parameters(), lr=0.01), rng


def run(steps, *, parts=None, batches=None, **options):
    model, optimizer, rng = parts or start()
    history = train(
        model,
        batches or draw(rng),
        cross_entropy,
        optimizer,
        steps=steps,
        rng=rng,
        schedule=warmup_cosine(8, warmup=2),
        **options,
    )
    return model, optimizer, rng, history


def bits(model, optimizer, rng):
    arrays = [p.data for p in model.parameters()] + list(optimizer.state().values())
    return [array.tobytes() for array in arrays], rng.bit_generator.state
