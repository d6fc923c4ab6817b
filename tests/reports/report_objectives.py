"""Print each objective's largest gradient error over many drawn batches, and its file's lines.

    PYTHONPATH=tests python tests/reports/report_objectives.py

The error is max|a − n| / max(|a|, |n|) over dlogits, against central differences in float64.
"""

import argparse
import inspect

from contracts.objective_cases import CASES
from lora_np.gradcheck import check_objective

BATCHES = 200


def largest_error(case):
    return max(check_objective(case.objective, *case(seed)) for seed in range(BATCHES))


def lines(objective):
    """How long the file is that the formula stands in."""
    if not inspect.isfunction(objective):
        objective = type(objective)
    with open(inspect.getsourcefile(objective), encoding="utf-8") as file:
        return len(file.readlines())


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    print(f"{'objective':<26}{'largest error':>14}{'lines':>8}")
    for name, case in CASES.items():
        print(f"{name:<26}{largest_error(case):>14.1e}{lines(case.objective):>8}")
