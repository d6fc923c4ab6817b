"""What the package answers in the first state of each figure and random ones, for check.mjs.

python tests/mutation/javascript/answers.py   (writes mutants/javascript/answers.json)
"""

import argparse
import json
import subprocess
from pathlib import Path

from lora_np.course.interactive.answers import ANSWERS, answer

ROOT = Path(__file__).parents[3]
STATES = 20  # of each figure, beside the first
DRAW = ROOT / "tests/helpers/figures.mjs"


def main():
    seeds = (None, *range(STATES))
    asked = [(name, seed) for seed in seeds for name in ANSWERS]  # a fault shows early
    lines = "\n".join(json.dumps(each) for each in asked)
    drawn = subprocess.run(
        ["node", DRAW], input=lines, stdout=subprocess.PIPE, text=True, check=True, encoding="utf-8"
    ).stdout.splitlines()
    states = [json.loads(line)[0] for line in drawn]
    rows = [
        [name, state, json.loads(answer(name, json.dumps(state)))]
        for (name, _), state in zip(asked, states)
    ]
    to = ROOT / "mutants/javascript/answers.json"
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(rows))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
