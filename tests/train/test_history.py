"""The history of a run: numbers to keep, a curve to look at."""

import json

from helpers.runs import run
from lora_np.train import History


def test_history_survives_json_and_plots():
    *_, history = run(6, evaluate=lambda: {"code": 2.0, "prose": 1.5}, every=2)
    assert History(**json.loads(json.dumps(history.as_dict()))) == history
    picture = history.plot("a title")
    assert "a title: over 6 steps" in picture.alt and "held-out prose 1.50 to 1.50" in picture.alt
    assert "<img alt=" in picture._repr_html_()
