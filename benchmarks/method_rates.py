"""Learning rates for `lora_np.experiments.methods`, tried on a seed whose results are not shown.

    python benchmarks/method_rates.py [NAME …]     about five minutes on one core for all

Prints, for each method and rate, the share of answers with all five digits right on a known
skill and on the two new ones, and writes results/method_rates.json; NAME limits it to methods
whose name begins so. The experiment uses the rate with the best mean of the three; where two are
equal, the smaller.
"""

import json
import pathlib
import sys

import numpy as np

from lora_np.experiments import methods, skills_base
from lora_np.files import whole_file
from lora_np.tasks import skills

RESULTS = pathlib.Path(__file__).parent / "results" / "method_rates.json"
SEED, KNOWN = 100, "reverse"
RATES = {
    "full fine-tuning": (1e-3, 3e-3),
    "LoRA r 1, everywhere": (1e-2, 2e-2),
    "LoRA r 4, attention's qkv": (1e-2, 2e-2),
    "LoRA r 4, MLP": (1e-2, 2e-2),
    "Houlsby adapters, width 8": (1e-2, 3e-2),
    "Pfeiffer adapters, width 8": (1e-2, 3e-2),
    "IA3": (3e-2, 1e-1),
    "BitFit": (1e-2, 3e-2),
    "prefix, 4 positions": (3e-2, 1e-1),
    "prompt, 4 tokens": (3e-2, 1e-1),
    "prompt, 10 tokens": (3e-2, 1e-1),
    "head": (1e-2, 3e-2),
}


def main(names=()):
    base, runs = skills_base.load(), []
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    for name, method, used in methods.METHODS:
        if names and not name.startswith(tuple(names)):
            continue
        for lr in RATES[name]:
            right = []
            for task in (skills.Skill(skill) for skill in (KNOWN, *skills.NEW)):
                rng = np.random.default_rng(SEED)
                model = method.apply(base, rng)
                methods.adapt(model, task, 400, lr, rng)
                right.append(skills.accuracy(model, task.batch(500, rng)))
            runs.append({"name": name, "lr": lr, "right": right, "mean": float(np.mean(right))})
            done = {run["name"] for run in runs}
            write([run for run in before if run["name"] not in done] + runs)
            print(f"{name:28}{lr:8g}{'  used' if lr == used else '      '}", right, flush=True)


def write(runs):
    order = list(RATES)
    runs = sorted(runs, key=lambda run: (order.index(run["name"]), run["lr"]))
    RESULTS.parent.mkdir(exist_ok=True)
    with whole_file(RESULTS) as temporary:
        temporary.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
