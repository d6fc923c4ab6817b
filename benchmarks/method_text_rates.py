"""Learning rates for `lora_np.experiments.methods_text`, tried on a seed that is not shown.

    python benchmarks/method_text_rates.py [NAME …]      some twenty minutes on one core for all

Prints the held-out losses on code and on prose for each method at a third of the experiment's
rate, at the rate itself and at three times it. NAME limits it to methods whose name begins so.
"""

import sys

from lora_np.checkpoint import load_base
from lora_np.commands.common import prepare
from lora_np.experiments.methods_text import METHODS
from lora_np.finetune import finetune
from lora_np.tasks import text

SEED = 100


def main(names):
    prepare()
    base, code, prose = load_base(), text.code(), text.prose()
    for name, method, used in METHODS:
        if names and not name.startswith(tuple(names)):
            continue
        for factor in (1 / 3, 1, 3):
            options = {"steps": 150, "batch_size": 8, "seed": SEED, "lr": factor * used}
            try:
                _, _, numbers = finetune(base, method, code, [prose], **options)
                after = "  ".join(f"{key} {loss:.4f}" for key, loss in numbers["after"].items())
            except FloatingPointError as error:
                after = str(error)
            print(f"{name:28} lr {factor * used:8.2g}  {after}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
