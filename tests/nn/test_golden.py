"""Against torch's autograd and transformers' GPT-2, from the files of golden/make_gpt2.py."""

import numpy as np
import pytest

from golden.readers import golden_gpt2


def test_there_are_golden_files():
    assert len(golden_gpt2.names()) == 3


@pytest.mark.parametrize("name", golden_gpt2.names())
def test_float64(name):
    for what, gap in golden_gpt2.differences(name, np.float64).items():
        assert gap <= (1e-8 if "weights" in what or "key bias" in what else 1e-13), what


@pytest.mark.parametrize("name", golden_gpt2.names())
def test_float32(name):
    for what, gap in golden_gpt2.differences(name, np.float32).items():
        if what != "key bias after 5 steps":
            assert gap <= 1e-5, what
