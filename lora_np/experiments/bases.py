"""The small bases that the experiments on reading start from: trained by command, committed small.

    python -m lora_np.experiments.bases reading|reviews [--seed 0] [--out FILE]
"""

import argparse
import math
import pathlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from safetensors.numpy import load_file

from ..nn import GPT, GPTConfig
from ..objectives import cross_entropy
from ..optim import AdamW
from ..tasks import raft, reviews
from .skills_base import save

DATA = pathlib.Path(__file__).parents[1] / "data"


@dataclass(frozen=True)
class Base:
    """A GPT 32 wide with 2 layers, and the batches it is trained on."""

    name: str
    vocab_size: int
    batch: Callable  # (size, rng) -> Batch
    steps: int

    path = property(lambda self: DATA / f"{self.name}_base.safetensors")

    @property
    def config(self):
        return GPTConfig(self.vocab_size, n_positions=32, n_embd=32, n_layer=2, n_head=4)

    def train(self, seed=0, batch_size=64, lr=3e-3, report=None):
        """Next-token prediction with AdamW, warmed up over 200 steps, then along half a cosine.

        Every row starts at a random position, so that a prompt before it, which moves its
        positions, finds a base that has seen them. GPT-2's 0.02 is for a width of 768: weights
        that keep activations as large at this width are √(768/32) times larger. From 0.02 looking
        things up was not learnt in 4,000 steps; from these it is there after about 1,000.
        """
        rng = np.random.default_rng(seed)
        model = GPT(self.config, rng)
        for parameter in model.parameters():
            if parameter.data.ndim == 2:
                parameter.data *= math.sqrt(768 / self.config.n_embd)
        optimizer = AdamW(model.parameters(), lr, weight_decay=0.01)
        for step in range(self.steps):
            batch = self.batch(batch_size, rng)
            room = self.config.n_positions - batch.tokens.shape[1]
            position = rng.integers(room + 1, size=batch_size)
            logits, cache = model.forward(batch.tokens, position=position)
            loss, dlogits = cross_entropy(logits, batch)
            model.backward(dlogits, cache)
            cosine = 0.5 * (1 + math.cos(math.pi * step / self.steps))
            optimizer.rate = min((step + 1) / 200, cosine)
            optimizer.step()
            if report and (step + 1) % 100 == 0:
                report(step + 1, loss)
        return model

    def load(self):
        """The base as it was committed, frozen, in float32."""
        model = GPT(self.config, np.random.default_rng(0))
        tensors = load_file(self.path)
        for name, parameter in model.named_parameters():
            parameter.data[...] = tensors[name]
        return model.freeze()


READING = Base("reading", raft.VOCABULARY, raft.lookups, steps=1500)
REVIEWS = Base("reviews", reviews.VOCABULARY, reviews.with_verdicts, steps=1500)
BASES = {base.name: base for base in (READING, REVIEWS)}


def main():
    parser = argparse.ArgumentParser(description="Train a base of the experiments on reading.")
    parser.add_argument("name", choices=BASES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="where to write, the committed file by default")
    options = parser.parse_args()
    base, start = BASES[options.name], time.perf_counter()

    def report(step, loss):
        seconds = time.perf_counter() - start
        print(f"step {step:6}  loss {loss:.4f}  {seconds:.0f} s", flush=True)

    save(base.train(options.seed, report=report), options.out or base.path)


if __name__ == "__main__":
    main()
