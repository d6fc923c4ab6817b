"""What an adapter costs when nothing is trained: base, adapter beside it, merged.

    python benchmarks/scaling/inference.py          a minute on one core

Processor time of one forward pass, the smallest of many, taken in turns; written to
results/inference.json as ratios to the base's. Adapters on all layers, their B made non-zero.
"""

import argparse
import pathlib
import time

import numpy as np

from lora_np.checkpoint import load_base
from lora_np.memory import measured
from lora_np.methods import LoRA, QLoRA, merge
from lora_np.methods.targets import ALL_LINEAR
from lora_np.system.files import write_json
from lora_np.system.process import prepare

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "inference.json"
SHAPES = {"8 x 128 tokens": (8, 128), "one token": (1, 1)}


def adapted(method, base):
    model = method.apply(base, np.random.default_rng(0))
    for parameter in model.trainable_parameters():
        parameter.data += np.float32(0.01)
    return model


def main():
    prepare()
    base = load_base()
    lora, qlora = (adapted(kind(8, 16.0, ALL_LINEAR), base) for kind in (LoRA, QLoRA))
    models = {
        "base": base,
        "LoRA r 8 beside it": lora,
        "LoRA r 8 merged": merge(lora),
        "QLoRA r 8 beside it": qlora,
        "QLoRA r 8 merged": merge(qlora),
    }
    seconds = {}
    for shape_name, shape in SHAPES.items():
        tokens = np.random.default_rng(0).integers(0, 256, shape)
        repeats = 400 // shape[0]
        fastest = dict.fromkeys(models, np.inf)
        for _ in range(repeats):
            for name, model in models.items():
                for _ in range(5):  # the first finds another model's weights in the caches
                    start = time.process_time()
                    model(tokens)
                    fastest[name] = min(fastest[name], time.process_time() - start)
        seconds[shape_name] = fastest
    results = {
        name: {
            **{shape: fastest[name] / fastest["base"] for shape, fastest in seconds.items()},
            "megabytes": measured.array_bytes(model) / 1e6,
        }
        for name, model in models.items()
    }
    RESULTS.parent.mkdir(exist_ok=True)
    write_json(RESULTS, results)
    for name, numbers in results.items():
        print(f"{name:22}", "  ".join(f"{what} {value:.2f}" for what, value in numbers.items()))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
