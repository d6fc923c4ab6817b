"""Learning rates for `lora_np.course.experiments.methods_text`, tried on a seed that is not shown.

    python benchmarks/tuning/method_text_rates.py [NAME …]      twenty minutes on one core

Prints the held-out losses on code and on prose for each method at a third of the experiment's
rate, at the rate itself and at three times it. NAME limits it to methods whose name begins so.
Each run is kept in out/method_text_rates as it ends, so this can be stopped and started again.
"""

import sys

from lora_np.checkpoint import load_base
from lora_np.course.experiments.methods_text import METHODS, RATES
from lora_np.recipes.finetune import describe, finetune
from lora_np.recipes.sweep import sweep
from lora_np.system.process import prepare
from lora_np.tasks import text

SEED = 100


def run_cell(cell):
    """One method at one rate; the held-out losses after, or why it did not end."""
    prepare()
    method = METHODS[cell["name"]]
    options = {"steps": 150, "batch_size": 8, "seed": SEED, "lr": cell["lr"], "progress": False}
    try:
        _, history, numbers = finetune(load_base(), method, text.code(), [text.prose()], **options)
    except FloatingPointError as error:
        return str(error)
    if history.interrupted:
        raise KeyboardInterrupt
    return "  ".join(f"{key} {loss:.4f}" for key, loss in numbers["after"].items())


def main(names):
    cells = [
        {"name": name, "lr": factor * RATES[name], "method": describe(method)}
        for name, method in METHODS.items()
        if name.startswith(tuple(names) or "")
        for factor in (1 / 3, 1, 3)
    ]
    for cell, after in zip(cells, sweep(cells, run_cell, "out/method_text_rates")):
        print(f"{cell['name']:28} lr {cell['lr']:8.2g}  {after}")


if __name__ == "__main__":
    main(sys.argv[1:])
