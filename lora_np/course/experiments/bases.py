"""The small bases that the experiments start from: trained by command, committed small.

python -m lora_np.course.experiments.bases NAME [--seed 0] [--out FILE]
"""

import argparse
import math
import pathlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count, repeat

import numpy as np

from ...checkpoint.safetensors_io import open_tensors, save_tensors
from ...nn import GPT, GPTConfig
from ...objectives import cross_entropy
from ...recipes.pretrain import RandomOffsets
from ...system.files import whole_file
from ...tasks.worlds import raft, reviews, skills
from ...train.loop import warmup_cosine
from .common import fit

DATA = pathlib.Path(__file__).parents[2] / "data"
BATCH, RATE, WIDTH = 64, 3e-3, 32


@dataclass(frozen=True)
class Base:
    """A GPT 32 wide with 2 layers, and the batches it is trained on.

    GPT-2's weights of 0.02 are for a width of 768: weights that keep activations as large at this
    width are √(768/32) times larger, the `gain`. From 0.02 looking things up was not learnt in
    4,000 steps; from these it is there after about 1,000.
    """

    name: str
    vocab_size: int
    batches: Callable  # rng → Batches without end
    steps: int
    n_positions: int = 32
    gain: float = math.sqrt(768 / WIDTH)

    path = property(lambda self: DATA / f"{self.name}_base.safetensors")

    @property
    def config(self):
        return GPTConfig(self.vocab_size, self.n_positions, n_embd=WIDTH, n_layer=2, n_head=4)

    def train(self, seed=0, progress=False):
        """Next-token prediction, warmed up over 200 steps, then along half a cosine.

        Every row starts at a random position, so that a prompt before it, which moves its
        positions, finds a base that has seen them.
        """
        rng, cosine = np.random.default_rng(seed), warmup_cosine(self.steps)
        model = GPT(self.config, rng)
        for parameter in model.parameters():
            if parameter.data.ndim == 2:
                parameter.data *= self.gain
        history = fit(
            RandomOffsets(model), self.batches(rng), cross_entropy, RATE, steps=self.steps,
            weight_decay=0.01, schedule=lambda step: min((step + 1) / 200, cosine(step)), rng=rng,
            progress=progress,
        )  # fmt: skip
        if history.interrupted:
            raise KeyboardInterrupt
        return model

    def save(self, model, path=None):
        """Every weight in float16, half the bytes; `load` makes them float32 again."""
        tensors = {name: p.data.astype(np.float16) for name, p in model.named_parameters()}
        with whole_file(path or self.path) as temporary:
            save_tensors(tensors, temporary)

    def load(self):
        """The base as it was committed, frozen, in float32."""
        model = GPT(self.config, np.random.default_rng(0))
        with open_tensors(self.path) as stored:
            for name, parameter in model.named_parameters():
                parameter.data[...] = stored[name].read()
        return model.freeze()


def endless(batch):
    return lambda rng: (batch(BATCH, rng) for _ in repeat(None))


def mixed_skills(rng):
    """Every 1,000 steps 500 rows more are drawn, on which the committed base was scored."""
    for step in count():
        if step and step % 1000 == 0:
            skills.mixed_batch(500, rng)
        yield skills.mixed_batch(BATCH, rng)


READING = Base("reading", raft.VOCABULARY, endless(raft.lookups), 1500)
REVIEWS = Base("reviews", reviews.VOCABULARY, endless(reviews.with_verdicts), 1500)
PLAIN_REVIEWS = Base(
    "plain_reviews", reviews.VOCABULARY, endless(reviews.without_verdicts), 1500
)  # as REVIEWS, but for the verdicts: it never sees their words
SKILLS = Base("skills", skills.VOCABULARY, mixed_skills, 24000, n_positions=24, gain=1.0)
BASES = {base.name: base for base in (READING, REVIEWS, PLAIN_REVIEWS, SKILLS)}


def main():
    parser = argparse.ArgumentParser(description="Train a base of the experiments.")
    parser.add_argument("name", choices=BASES)
    parser.add_argument("--steps", type=int, help="as many as the committed one's by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="where to write, the committed file by default")
    options = parser.parse_args()
    base, start = BASES[options.name], time.perf_counter()
    base = replace(base, steps=options.steps or base.steps)
    base.save(base.train(options.seed, progress=None), options.out)
    print(f"{base.name}: {base.steps} steps, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
