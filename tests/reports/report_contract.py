"""Print the largest relative gradient error of each linear-like module over many drawn cases.

PYTHONPATH=tests python tests/reports/report_contract.py
"""

import argparse

from hypothesis import given, settings

from helpers.builders import BUILDERS
from helpers.strategies import cases
from lora_np.gradcheck import check_gradients


def largest_error(build, examples=200):
    worst = [0.0]

    @settings(max_examples=examples, deadline=None, database=None, derandomize=True)
    @given(case=cases())
    def visit(case):
        layer = build(case)
        errors = check_gradients(layer, case.x(), **layer.constants())
        worst[0] = max(worst[0], *errors.values())

    visit()
    return worst[0]


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    for build in BUILDERS:
        print(f"{build.__name__:<20} {largest_error(build):.1e}")
