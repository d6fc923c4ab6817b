"""A folder that is replaced while it is read: an error, never the settings of one save and the
numbers of another."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from helpers.llamas import CONFIG as LLAMA
from helpers.llamas import small_llama
from helpers.models import CONFIG, small_gpt
from lora_np import LoRA
from lora_np.checkpoint import (
    gpt2,
    llama,
    load_adapter,
    load_gpt2,
    load_llama,
    save_adapter,
    save_gpt2,
    save_llama,
)
from lora_np.checkpoint.peft import adapter

RNG = np.random.default_rng


def save_an_adapter(version, path):
    """Another alpha and other numbers in each version, in the same shapes."""
    model = LoRA(2, 3.0 + version).apply(small_gpt(dtype=np.float32), RNG(version))
    save_adapter(model, path)


def save_a_model(version, path):
    """Another number of heads and other numbers, in the same shapes."""
    config = CONFIG.__class__(**{**vars(CONFIG), "n_head": 2 + version})
    save_gpt2(small_gpt(config, np.float32, seed=version), path)


def save_a_llama(version, path):
    """Positions that turn at another rate and other numbers, in the same shapes."""
    config = replace(LLAMA, rope_theta=100.0 + version)
    save_llama(small_llama(config, np.float32, seed=version), path)


KINDS = {
    "adapter": (adapter, save_an_adapter, lambda p: load_adapter(small_gpt(dtype=np.float32), p)),
    "GPT-2": (gpt2, save_a_model, load_gpt2),
    "Llama": (llama, save_a_llama, load_llama),
}


def replace_while_reading(monkeypatch, module, before, after):
    """`before()` as the weights are opened, `after()` as they were read."""
    real = module.open_tensors

    @contextlib.contextmanager
    def slowly(*paths):
        before()
        with real(*paths) as stored:
            yield stored
        after()

    monkeypatch.setattr(module, "open_tensors", slowly)


@pytest.mark.parametrize("module, save, load", KINDS.values(), ids=KINDS)
def test_another_save_in_between_is_an_error(module, save, load, tmp_path, monkeypatch):
    save(0, tmp_path)
    replace_while_reading(monkeypatch, module, lambda: save(1, tmp_path), lambda: None)
    with pytest.raises(ValueError, match="it changed while its folder was read; read it again"):
        load(tmp_path)


@pytest.mark.parametrize("module, save, load", KINDS.values(), ids=KINDS)
def test_so_are_two_the_second_with_the_first_ones_settings(
    module, save, load, tmp_path, monkeypatch
):
    save(0, tmp_path)
    replace_while_reading(monkeypatch, module, lambda: save(1, tmp_path), lambda: save(0, tmp_path))
    with pytest.raises(ValueError, match="it changed while its folder was read; read it again"):
        load(tmp_path)


@pytest.mark.parametrize("module, save, load", KINDS.values(), ids=KINDS)
def test_a_folder_left_alone_is_read(module, save, load, tmp_path, monkeypatch):
    save(0, tmp_path)
    replace_while_reading(monkeypatch, module, lambda: None, lambda: None)
    load(tmp_path)
