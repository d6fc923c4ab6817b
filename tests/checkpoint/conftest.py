"""An adapter's folder to change: what tests of PEFT's files begin with."""

import numpy as np
import pytest

from helpers.models import moved, small_gpt
from lora_np import LoRA
from lora_np.checkpoint import save_adapter


@pytest.fixture
def base():
    return small_gpt(dtype=np.float32)


@pytest.fixture
def directory(tmp_path, base):
    save_adapter(moved(LoRA(2, 3.0).apply(base, np.random.default_rng(0))), tmp_path / "adapter")
    return tmp_path / "adapter"
