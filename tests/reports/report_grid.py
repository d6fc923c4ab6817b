"""Run the grid of methods, objectives and tasks, and print how many of its cells held.

PYTHONPATH=tests python tests/reports/report_grid.py
"""

from contracts.grid import CONFIG, LLAMA, LLAMA_CASES, OBJECTIVES, TASKS, cell
from contracts.method_cases import CASES


def holds(case, teaching, task, config):
    try:
        cell(case, teaching, task, config)
    except (AssertionError, ValueError) as error:
        print(f"{case.name} × {teaching.name} × {task.__name__}: {error}")
        return False
    return True


if __name__ == "__main__":
    for kind, cases, config in (("GPT", CASES, CONFIG), ("Llama", LLAMA_CASES, LLAMA)):
        held = [holds(c, o, t, config) for c in cases for o in OBJECTIVES for t in TASKS]
        print(
            f"{kind}: {sum(held)} of {len(held)} cells held: {len(cases)} methods alone and "
            f"composed × {len(OBJECTIVES)} objectives × {len(TASKS)} tasks"
        )
