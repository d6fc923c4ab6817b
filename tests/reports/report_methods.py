"""Print, for every method and composition: what it trains, its largest gradient error, its start.

    PYTHONPATH=tests python tests/reports/report_methods.py

The gradient error is max|a − n| / max(|a|, |n|) of the worst tensor, element by element, in
float64, away from the start. The change at the start is max|logits − the base's|.
"""

import argparse

import numpy as np

from contracts.method_cases import CASES
from helpers.models import CONFIG, moved, small_gpt, some_tokens
from lora_np.gradcheck import check_gradients


def main():
    base, tokens = small_gpt(), some_tokens()
    head = f"{'method':50}{'trained':>8}{'formula':>8}{'gradient error':>16}{'change at start':>17}"
    print(head)
    for case in CASES:
        model = case.apply(base, np.random.default_rng(4))
        trained = sum(p.size for p in model.trainable_parameters())
        start = model(tokens)
        change = np.abs(start - base(tokens)).max() if start.shape == base(tokens).shape else None
        shown = "other classes" if change is None else f"{change:.3g}"
        errors = (
            check_gradients(moved(model, spread=case.spread), tokens)
            if case.exact
            else {"": np.nan}
        )
        worst = max(errors.values())
        print(f"{case.name:50}{trained:8}{case.count(CONFIG):8}{worst:16.1e}{shown:>17}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
