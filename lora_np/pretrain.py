"""The base model's recipe: a small GPT that reads prose, byte by byte."""

import json
import pathlib
import platform

import numpy as np

from . import checkpoint
from .files import whole_file
from .nn import GPT, GPTConfig, Module
from .objectives import cross_entropy
from .optim import AdamW
from .tasks import text
from .train import held_out_loss, train, warmup_cosine

# Windows of 128 tokens stand anywhere in 192 positions. So the model works as well when a prompt
# or a prefix of up to 64 learned tokens pushes the text to later positions.
CONFIG = GPTConfig(vocab_size=text.VOCABULARY, n_positions=192, n_embd=128, n_layer=4, n_head=4)
LENGTH = 128


class RandomOffsets(Module):
    """A GPT whose windows start at random positions, one for each sequence.

    Like dropout, this happens only where an `rng` is passed.
    Shapes: tokens (B, T), logits (B, T, K).
    """

    def __init__(self, base):
        self.base = base

    def forward(self, tokens, *, rng=None):
        room = self.base.config.n_positions - tokens.shape[1]
        position = 0 if rng is None else rng.integers(0, room + 1, len(tokens))
        return self.base.forward(tokens, rng=rng, position=position)

    def backward(self, dlogits, cache):
        return self.base.backward(dlogits, cache)


def pretrain(reading, config=CONFIG, *, steps=3000, batch_size=16, length=LENGTH, lr=3e-3, seed=0,
             state=None, resume=False, progress=None):  # fmt: skip
    """Train a new GPT on a Text; returns (model, History). `state` is a path to resume from.

    AdamW with weight decay 0.1, warm-up over a fortieth of the steps, then half a cosine to 0.
    """
    rng = np.random.default_rng(seed)
    model = GPT(config, rng)

    def evaluate():
        batches = reading.held_out_batches(length=length)
        return {reading.name: held_out_loss(model, batches, cross_entropy)}

    history = train(
        RandomOffsets(model),
        reading.batches(rng, batch_size, length),
        cross_entropy,
        AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.1),
        steps=steps,
        schedule=warmup_cosine(steps, warmup=steps // 40),
        rng=rng,
        evaluate=evaluate,
        every=max(1, steps // 16),
        checkpoint=state,
        resume=resume,
        progress=progress,
    )
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
        "command": command,
        "seed": seed,
        "text": {
            "name": reading.name,
            "train_tokens": len(reading.train),
            "held_out_tokens": len(reading.held_out),
            "python": platform.python_version(),
        },
        "parameters": sum(p.size for p in rounded.parameters()),
        "held_out_nats_per_byte": held_out_loss(rounded, batches, cross_entropy),
        "seconds": history.seconds,
        "evaluations": history.evaluations,
        "training_losses": [round(loss, 4) for loss in history.losses[::20]],
    }
    with whole_file(directory / "training.json") as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return about
