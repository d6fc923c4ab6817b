"""Ten tasks, one base: bytes on disk, and the time to switch adapters against loading a base.

    python benchmarks/scaling/adapters.py [--tasks 10] [--rank 8] [--small] [--json]

The base is GPT-2's size (124 M weights; `--small`: the lessons' size), with random numbers: bytes
and times do not depend on them. Needs nothing beyond the package. All seconds are medians.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from lora_np.checkpoint import load_adapter, load_gpt2, save_adapter, save_gpt2
from lora_np.methods import LoRA
from lora_np.methods.mixed_batch import for_samples
from lora_np.nn import GPT, GPTConfig

GPT2 = GPTConfig(vocab_size=50257, n_positions=1024, n_embd=768, n_layer=12, n_head=12)
SMALL = GPTConfig(vocab_size=257, n_positions=192, n_embd=128, n_layer=4, n_head=4)


def seconds(function, rounds):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def size_on_disk(directory):
    return sum(path.stat().st_size for path in directory.iterdir())


def measure(config, tasks, rank, root):
    rng = np.random.default_rng(0)
    save_gpt2(GPT(config, rng), root / "base")
    base = load_gpt2(root / "base")
    for i in range(tasks):
        view = LoRA(rank, 2 * rank, "all-linear").apply(base, rng)
        for parameter in view.trainable_parameters():
            parameter.data += rng.normal(0, 0.01, parameter.shape).astype(np.float32)
        save_adapter(view, root / f"task{i}")
    adapters = {f"task{i}": load_adapter(base, root / f"task{i}") for i in range(tasks)}
    arrays = {name: p.data for name, p in base.named_parameters()}
    shared = sum(
        np.shares_memory(p.data, arrays[name])
        for view in adapters.values()
        for name, p in view.named_parameters()
        if name in arrays
    )
    own = [sum(p.nbytes for p in view.trainable_parameters()) for view in adapters.values()]
    names = list(adapters)
    tokens = rng.integers(0, config.vocab_size, (tasks, 16))
    return {
        "base_bytes": size_on_disk(root / "base"),
        "adapter_bytes": [size_on_disk(root / name) for name in names],
        "arrays_shared_with_the_base": f"{shared} of {len(arrays) * tasks}",
        "adapter_bytes_in_memory": own[0],
        "load_base_seconds": seconds(lambda: load_gpt2(root / "base"), 5),
        "load_adapter_seconds": seconds(lambda: load_adapter(base, root / names[0]), 9),
        "switch_seconds": seconds(lambda: [adapters[name] for name in names], 99) / tasks,
        "mixed_batch_seconds": seconds(lambda: for_samples(base, adapters, names)(tokens), 5),
        "one_by_one_seconds": seconds(
            lambda: [adapters[name](tokens[i : i + 1]) for i, name in enumerate(names)], 5
        ),
    }


def screen(n, tasks):
    one, base = n["adapter_bytes"][0], n["base_bytes"]
    together = base + sum(n["adapter_bytes"])
    return f"""on disk
  base                    {base:>15,} bytes
  one adapter             {one:>15,} bytes   {one / base:.2%} of the base
  base and {tasks} adapters    {together:>15,} bytes
  {tasks} fine-tuned copies    {tasks * base:>15,} bytes   \
{tasks * base / together:.1f} times as many
in memory
  arrays shared with the base: {n["arrays_shared_with_the_base"]}; one adapter's own: \
{n["adapter_bytes_in_memory"]:,} bytes
time
  load the base           {n["load_base_seconds"] * 1e3:>12.3f} ms
  load one adapter        {n["load_adapter_seconds"] * 1e3:>12.3f} ms
  switch to another       {n["switch_seconds"] * 1e3:>12.6f} ms
  {tasks} sequences, {tasks} adapters, in one batch {n["mixed_batch_seconds"] * 1e3:.0f} ms; \
one by one {n["one_by_one_seconds"] * 1e3:.0f} ms"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--small", action="store_true", help="a base of the lessons' size")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        config = SMALL if options.small else GPT2
        numbers = measure(config, options.tasks, options.rank, Path(directory))
    print(json.dumps(numbers, indent=1) if options.json else screen(numbers, options.tasks))


if __name__ == "__main__":
    main()
