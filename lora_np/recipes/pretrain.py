"""The base model's recipe: a small GPT that reads prose, byte by byte."""

import pathlib
import platform

import numpy as np

from .. import checkpoint
from ..nn import GPT, GPTConfig, Wrapper
from ..nn.language_model import BodyAndHead
from ..objectives import cross_entropy
from ..system.checks import check_whole
from ..system.files import write_json
from ..tokenizers.byte import VOCABULARY
from ..train.loop import held_out_loss, train, warmup_cosine
from ..train.optim import AdamW

# Windows of 128 tokens stand anywhere in 192 positions. So the model works as well when a prompt
# or a prefix of up to 64 learned tokens pushes the text to later positions.
CONFIG = GPTConfig(vocab_size=VOCABULARY, n_positions=192, n_embd=128, n_layer=4, n_head=4)
LENGTH = 128


class RandomOffsets(Wrapper, BodyAndHead):
    """A GPT whose windows start at random positions, one for each sequence.

    Like dropout, this happens only where an `rng` is passed.
    Shapes: tokens (B, T), logits (B, T, K).
    """

    def __init__(self, base):
        self.base = base

    lm_head = property(lambda self: self.base.lm_head)

    def forward_body(self, tokens, *, rng=None, position=0, **options):
        if rng is not None:
            last = self.base.config.n_positions - tokens.shape[1]
            position = rng.integers(0, last + 1, len(tokens))
        return self.base.forward_body(tokens, rng=rng, position=position, **options)

    def backward_body(self, dx, cache):
        return self.base.backward_body(dx, cache)


def pretrain(
    reading, config=CONFIG, *, steps=3000, batch_size=16, length=LENGTH, lr=3e-3, seed=0,
    state=None, **options,
):  # fmt: skip
    """Train a new GPT on a Text; returns (model, History).

    AdamW with weight decay 0.1, warm-up over a fortieth of the steps, then half a cosine to 0.
    `state` is `train`'s checkpoint; `options` are its resume, progress and threads.
    """
    check_whole("pretrain: expected a seed", seed, 0)
    check_whole("pretrain: expected steps", steps, 0)
    rng = np.random.default_rng(seed)
    model = GPT(config, rng)

    def evaluate():
        batches = reading.held_out_batches(length=length)
        return {reading.name: held_out_loss(model, batches, cross_entropy)}

    history = train(
        RandomOffsets(model), reading.batches(rng, batch_size, length), cross_entropy,
        AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.1), steps=steps,
        schedule=warmup_cosine(steps, warmup=steps // 40), rng=rng, evaluate=evaluate,
        every=max(1, steps // 16), checkpoint=state, **options,
    )  # fmt: skip
    return model, history


def save(model, history, reading, directory, command, seed):
    """Write the model in float16, and `training.json` beside it: how it came about, and its curve.

    The losses in it are those of the float16 weights.
    """
    directory = pathlib.Path(directory)
    checkpoint.save_gpt2(model, directory, np.float16)
    rounded = checkpoint.load_gpt2(directory)
    batches = reading.held_out_batches(length=LENGTH)
    about = {
        "command": command, "seed": seed,
        "text": {
            "name": reading.name, "train_tokens": len(reading.train),
            "held_out_tokens": len(reading.held_out), "python": platform.python_version(),
        },
        "parameters": sum(p.size for p in rounded.parameters()),
        "held_out_nats_per_byte": held_out_loss(rounded, batches, cross_entropy),
        "seconds": history.seconds, "evaluations": history.evaluations,
        "training_losses": [round(loss, 4) for loss in history.losses[::20]],
    }  # fmt: skip
    write_json(directory / "training.json", about)
    return about
