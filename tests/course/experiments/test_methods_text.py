"""The methods on real text: what is measured, its table and its figure, without the training."""

import json

import numpy as np
import pytest

from lora_np.analysis import plots
from lora_np.course.experiments import methods_text
from lora_np.nn import GPT


@pytest.fixture(scope="module")
def numbers():
    """Runs as `finetune` would report them, each gaining and forgetting by its own amount."""
    patch, made = pytest.MonkeyPatch(), []

    def finetune(base, method, reading, kept, *, lr, steps, batch_size, seed, windows):
        assert isinstance(base, GPT) and (reading.name, kept[0].name) == ("code", "prose")
        made.append(method)
        step = 0.01 * len(made)
        numbers = {
            "base": {"code": 2.5, "prose": 1.25},
            "after": {"code": 2.0 - step, "prose": 1.5 + step},
            "trained": 1000 + len(made),
            "bytes": {"weights": 3_000_000, "gradients": 500_000},
            "cpu_ms_per_step": 7.0,
            "seed": seed,
            "steps": steps,
            "lr": lr,
        }
        return None, None, numbers

    patch.setattr(methods_text, "finetune", finetune)
    result = methods_text.run(seeds=2)
    patch.undo()
    return result


def test_every_method_once_a_seed(numbers):
    assert json.loads(json.dumps(numbers)) == numbers
    assert list(numbers["runs"]) == list(methods_text.METHODS)
    for name, runs in numbers["runs"].items():
        lr = methods_text.RATES[name]
        assert [(run["seed"], run["lr"]) for run in runs] == [(0, lr), (1, lr)]


def test_table(numbers):
    lines = methods_text.table(numbers).splitlines()
    full = lines[1].split("  ")
    n = len(methods_text.METHODS)
    gains = [0.5 + 0.01, 0.5 + 0.01 * (n + 1)]
    assert f"{np.mean(gains):.3f} ± {np.std(gains):.3f}" in lines[1]
    assert any(cell.strip() == "1.00 ± 0.00" for cell in full) and "3.5" in lines[1]
    assert "2 seeds" in lines[-2] and "code 2.500, prose 1.250" in lines[-2]
    assert len(lines) == n + 3


def test_figure(numbers):
    assert plots.png(methods_text.figure(numbers)).startswith(b"\x89PNG")
    assert all(name in methods_text.alt_text(numbers) for name in numbers["runs"])


def test_errors():
    with pytest.raises(ValueError, match="seeds from 1, a whole number, got 0"):
        methods_text.run(0)
