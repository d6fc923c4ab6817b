"""How much text a fine-tune needs: prose -> code from 1 kB of code up to all of it.

    python benchmarks/tuning/examples.py           six minutes on one core

Full fine-tuning and LoRA, each at its usual rate, 100 steps whatever the text's size: a small one
is read many times over. For each size and seed, another piece of the training text. Each run is
added to results/examples.json as it ends: the held-out losses on code along the way, and the
training loss at the end.
"""

import argparse
import dataclasses
import json
import pathlib

import numpy as np

from lora_np.checkpoint import load_base
from lora_np.methods import FullFineTuning, LoRA
from lora_np.methods.targets import ALL_LINEAR
from lora_np.recipes.finetune import finetune
from lora_np.system.files import write_json
from lora_np.system.process import prepare
from lora_np.tasks import text

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "examples.json"
METHODS = {"full": FullFineTuning(), "LoRA r 8, all": LoRA(8, 16.0, ALL_LINEAR)}
SIZES = (1_000, 8_000, 64_000, 512_000, None)  # bytes of code; None is all there is
SEEDS = (0, 1, 2)
SETTINGS = {"steps": 100, "batch_size": 8, "windows": 64, "every": 25}


def piece(code, size, rng):
    """`size` neighbouring bytes of the training text, from a place that `rng` chooses."""
    if size is None:
        return code
    start = rng.integers(0, len(code.train) - size)
    return dataclasses.replace(code, train=code.train[start : start + size])


def main():
    prepare()
    base, code = load_base(), text.code()
    done = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    for seed in SEEDS:
        for size in SIZES:
            some = piece(code, size, np.random.default_rng(seed))
            for name, method in METHODS.items():
                key = {"name": name, "bytes": len(some.train), "seed": seed, **SETTINGS}
                if any(all(run[k] == v for k, v in key.items()) for run in done):
                    continue
                _, history, numbers = finetune(base, method, some, seed=seed, **SETTINGS)
                done.append(
                    {
                        **key,
                        "lr": numbers["lr"],
                        "evaluations": history.evaluations,
                        "training_loss": float(np.mean(history.losses[-10:])),
                    }
                )
                RESULTS.parent.mkdir(exist_ok=True)
                write_json(RESULTS, done)
                print(name, len(some.train), seed, numbers["after"]["code"], flush=True)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
