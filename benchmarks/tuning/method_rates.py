"""Rates for `lora_np.course.experiments.methods`, tried on a seed that is not shown.

    python benchmarks/tuning/method_rates.py [NAME …]     about five minutes on one core for all

Prints, for each method and rate, the share of answers with all five digits right on a known
skill and on the two new ones, and writes results/method_rates.json; NAME limits it to methods
whose name begins so. Each run is kept in out/method_rates as it ends, so this can be stopped and
started again. The experiment uses the rate with the best mean of the three; where two are equal,
the smaller.
"""

import json
import pathlib
import sys

import numpy as np

from lora_np.course.experiments import methods
from lora_np.course.experiments.bases import SKILLS
from lora_np.recipes.finetune import describe
from lora_np.recipes.sweep import sweep
from lora_np.system.files import write_json
from lora_np.system.process import prepare
from lora_np.tasks.worlds import skills

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "method_rates.json"
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


def run_cell(cell):
    """Adapt the base to each skill with one method at one rate; the shares of right answers."""
    prepare()
    base, right = SKILLS.load(), []
    method = methods.METHODS[cell["name"]]
    for task in (skills.Skill(skill) for skill in (KNOWN, *skills.NEW)):
        rng = np.random.default_rng(SEED)
        model = method.apply(base, rng)
        methods.adapt(model, task, 400, cell["lr"], rng)
        right.append(skills.accuracy(model, task.batch(500, rng)))
    return {"name": cell["name"], "lr": cell["lr"], "right": right, "mean": float(np.mean(right))}


def main(names=()):
    cells = [
        {"name": name, "lr": lr, "method": describe(method)}
        for name, method in methods.METHODS.items()
        if name.startswith(tuple(names) or "")
        for lr in RATES[name]
    ]
    runs = sweep(cells, run_cell, "out/method_rates")
    for run in runs:
        mark = "  used" if run["lr"] == methods.RATES[run["name"]] else ""
        print(f"{run['name']:28}{run['lr']:8g}{mark:6}", run["right"])
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    done = {run["name"] for run in runs}
    write([run for run in before if run["name"] not in done] + runs)


def write(runs):
    order = list(RATES)
    runs = sorted(runs, key=lambda run: (order.index(run["name"]), run["lr"]))
    write_json(RESULTS, runs)


if __name__ == "__main__":
    main(sys.argv[1:])
