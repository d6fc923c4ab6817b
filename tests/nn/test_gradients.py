"""Every gradient against central differences: each module, and the GPT in every way it learns."""

import numpy as np
import pytest

from contracts.laws import TOLERANCE
from helpers.models import DROPOUT, LearnedPast, LearnedPrompt, small_gpt, some_past, some_tokens
from lora_np.gradcheck import check_gradients
from reports.report_gradients import gpt_cases, module_cases


@pytest.mark.parametrize(
    ("module", "x", "options"),
    [pytest.param(*case, id=name) for name, *case in [*module_cases(), *gpt_cases()]],
)
def test_gradients(module, x, options):
    errors = check_gradients(module, x, **options)
    learns = {name for name, p in module.named_parameters() if p.trainable}
    assert learns | ({"x"} if x.dtype.kind == "f" else set()) == set(errors) != set()
    for name, error in errors.items():
        assert error <= TOLERANCE, f"gradient of {name}: relative error {error:.3g}"


@pytest.mark.long
def test_everything_at_once():
    """Random positions, a past, dropout, and a GPT that learns behind a learned past or prompt."""
    rng = np.random.default_rng(0)
    options = {"past": some_past(), "position": np.array([1, 0, 1]), "dropout": True}
    errors = check_gradients(small_gpt(DROPOUT), some_tokens(), **options)
    for wrapper in (LearnedPast, LearnedPrompt):
        errors |= check_gradients(wrapper(small_gpt(DROPOUT), 2, rng), some_tokens(), dropout=True)
    assert {"k", "v", "prompt", "wte.weight"} < set(errors)
    assert max(errors.values()) <= TOLERANCE
