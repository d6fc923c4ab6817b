"""Run the grid of methods, objectives and tasks, and print how many of its cells held.

    python tests/report_grid.py
"""

from grid import OBJECTIVES, TASKS, cell
from method_cases import CASES


def holds(case, teaching, task):
    try:
        cell(case, teaching, task)
    except (AssertionError, ValueError) as error:
        print(f"{case.name} × {teaching.name} × {task.__name__}: {error}")
        return False
    return True


if __name__ == "__main__":
    held = [holds(*axes) for axes in ((c, o, t) for c in CASES for o in OBJECTIVES for t in TASKS)]
    print(
        f"{sum(held)} of {len(held)} cells held: {len(CASES)} methods alone and composed × "
        f"{len(OBJECTIVES)} objectives × {len(TASKS)} tasks"
    )
