"""Run the grid of methods, objectives and tasks, and print how many of its cells held.

    PYTHONPATH=tests python tests/reports/report_grid.py

A cell in which the objective's head has no place for the method holds if it is refused for that.
"""

import argparse
import re

from contracts.fit import refusal
from contracts.grid import CONFIG, LLAMA, LLAMA_CASES, OBJECTIVES, TASKS, cell
from contracts.method_cases import CASES


def outcome(case, teaching, task, config):
    """ "held", "refused" where it must be, or the error, printed too."""
    expected = refusal(case.build(config), config.vocab_size, teaching.n_classes)
    try:
        cell(case, teaching, task, config)
    except (AssertionError, ValueError) as error:
        if expected and re.search(expected, str(error)):
            return "refused"
        print(f"{case.name} × {teaching.name} × {task.__name__}: {error}")
        return str(error)
    return "not refused" if expected else "held"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    for kind, cases, config in (("GPT", CASES, CONFIG), ("Llama", LLAMA_CASES, LLAMA)):
        found = [outcome(c, o, t, config) for c in cases for o in OBJECTIVES for t in TASKS]
        held, refused = found.count("held"), found.count("refused")
        print(
            f"{kind}: {held + refused} of {len(found)} cells held, {refused} of them by a refusal: "
            f"{len(cases)} methods alone and composed × {len(OBJECTIVES)} objectives × "
            f"{len(TASKS)} tasks"
        )
