"""The base of the skills experiment: trained by this command, committed small.

    python -m lora_np.experiments.skills_base [--steps 24000] [--seed 0]
"""

import argparse
import math
import pathlib
import time

import numpy as np
from safetensors.numpy import load_file, save_file

from ..files import whole_file
from ..nn import GPT, GPTConfig
from ..objectives import cross_entropy
from ..optim import AdamW
from ..tasks import skills

PATH = pathlib.Path(__file__).parents[1] / "data" / "skills_base.safetensors"
CONFIG = GPTConfig(vocab_size=skills.VOCABULARY, n_positions=24, n_embd=32, n_layer=2, n_head=4)


def train(steps=24000, seed=0, batch_size=64, lr=3e-3, report=None):
    """A GPT that does what its instruction says, wherever in the context the text stands.

    Every row starts at a random position. A base that has only seen its slots at positions 0 to 3
    is lost behind a prompt, which moves them.
    """
    rng = np.random.default_rng(seed)
    model = GPT(CONFIG, rng)
    optimizer = AdamW(model.parameters(), lr, weight_decay=0.01)
    for step in range(steps):
        batch = skills.mixed_batch(batch_size, rng)
        room = CONFIG.n_positions - batch.tokens.shape[1]
        position = rng.integers(room + 1, size=batch_size)
        logits, cache = model.forward(batch.tokens, position=position)
        loss, dlogits = cross_entropy(logits, batch)
        model.backward(dlogits, cache)
        warm, done = (step + 1) / 200, step / steps
        optimizer.rate = min(warm, 0.5 * (1 + math.cos(math.pi * done)))
        optimizer.step()
        if report and (step + 1) % 1000 == 0:
            report(step + 1, loss, skills.accuracy(model, skills.mixed_batch(500, rng)))
    return model


def save(model, path=PATH):
    """Every weight in float16, half the bytes; `load` makes them float32 again."""
    tensors = {name: p.data.astype(np.float16) for name, p in model.named_parameters()}
    with whole_file(path) as temporary:
        save_file(tensors, temporary)


def load(path=PATH):
    """The base as it was committed, frozen, in float32."""
    model = GPT(CONFIG, np.random.default_rng(0))
    tensors = load_file(path)
    for name, parameter in model.named_parameters():
        parameter.data[...] = tensors[name]
    return model.freeze()


def main():
    parser = argparse.ArgumentParser(description="Train the base of the skills experiment.")
    parser.add_argument("--steps", type=int, default=24000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default=str(PATH))
    options = parser.parse_args()
    start = time.perf_counter()

    def report(step, loss, right):
        seconds = time.perf_counter() - start
        print(f"step {step:6}  loss {loss:.4f}  right {right:.3f}  {seconds:.0f} s", flush=True)

    model = train(options.steps, options.seed, report=report)
    save(model, options.out)


if __name__ == "__main__":
    main()
