"""Time one training step of LoRA and of head tuning against full fine-tuning.

    python benchmarks/scaling/step.py [--rounds 15]

A step is forward, cross-entropy, backward and AdamW, in float32. The methods take turns, so that
what disturbs the machine disturbs all alike; the ratio is the median over rounds.
"""

import argparse
import statistics
import time

import numpy as np

from lora_np import GPT, AdamW, FullFineTuning, GPTConfig, HeadTuning, LoRA, cross_entropy
from lora_np.tasks import next_token

METHODS = {
    "full": FullFineTuning(),
    "LoRA c_attn r 8": LoRA(8, 16.0, targets=("c_attn",)),
    "LoRA everywhere r 8": LoRA(8, 16.0, targets="all-linear"),
    "head": HeadTuning(),
}
SHAPES = [  # (n_embd, n_layer, n_head, T, B)
    (512, 2, 8, 128, 8),
    (128, 4, 4, 64, 16),
]


def make_step(method, base, batch):
    model = method.apply(base, np.random.default_rng(1))
    optimizer = AdamW(model.trainable_parameters(), lr=1e-4)

    def step():
        logits, cache = model.forward(batch.tokens)
        _, dlogits = cross_entropy(logits, batch)
        model.backward(dlogits, cache)
        optimizer.step()

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    for d, layers, heads, T, B in SHAPES:
        rng = np.random.default_rng(0)
        base = GPT(GPTConfig(256, T, d, layers, heads), rng)
        batch = next_token(rng.integers(0, 256, (B, T + 1)))
        steps = {name: make_step(method, base, batch) for name, method in METHODS.items()}
        seconds = {name: [] for name in steps}
        for i in range(rounds + 2):
            for name, step in steps.items():
                start = time.perf_counter()
                step()
                if i >= 2:  # two to warm up
                    seconds[name].append(time.perf_counter() - start)
        print(f"d {d}, {layers} layers, {heads} heads, T {T}, B {B}")
        for name, times in seconds.items():
            ratio = statistics.median(t / full for t, full in zip(times, seconds["full"]))
            print(f"  {name:20} {1e3 * statistics.median(times):7.1f} ms  {ratio:.3f} of full")


if __name__ == "__main__":
    main()
