"""GPT-2 directories: theirs in, ours out, and everything that must be refused."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from golden.readers.golden_hf import GOLDEN, GPT2S, difference
from helpers.models import CONFIG, moved, small_gpt, some_tokens
from helpers.safetensors_files import load_file
from lora_np.checkpoint import load_gpt2, save_gpt2
from lora_np.methods import FullFineTuning, HeadTuning, LoRA, merge, quantize_base
from lora_np.nn import GPT
from lora_np.quant import NF4Linear

HF = GOLDEN / "hf"
WEIGHTS = "model.safetensors"


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def directory(tmp_path):
    """A GPT-2 of our own making, to be damaged."""
    save_gpt2(small_gpt(dtype=np.float32), tmp_path / "gpt")
    return tmp_path / "gpt"


def parameter_bytes(model):
    return {name: p.data.tobytes() for name, p in model.named_parameters()}


@pytest.mark.parametrize("name", GPT2S)
def test_logits_are_those_of_transformers(name):
    assert difference(load_gpt2(HF / name), HF / name) < 1e-5


@pytest.mark.parametrize("name", GPT2S)
def test_round_trip_is_bit_exact(name, tmp_path):
    model = load_gpt2(HF / name)
    save_gpt2(model, tmp_path)
    again = load_gpt2(tmp_path)
    assert again.config == model.config and parameter_bytes(again) == parameter_bytes(model)
    tied = [m.lm_head.weight is m.wte.weight for m in (model, again)]
    assert tied == [name != "untied"] * 2


@pytest.mark.parametrize("name", ["nf4", "nf4_double_quant"])
def test_bitsandbytes_form_is_written_bit_for_bit(name, tmp_path):
    model = load_gpt2(HF / name)
    assert isinstance(model.h[0].attn.c_attn, NF4Linear)
    save_gpt2(model, tmp_path)
    ours, theirs = load_file(tmp_path / WEIGHTS), load_file(HF / name / WEIGHTS)
    assert {k: (v.shape, v.tobytes()) for k, v in ours.items()} == {
        k: (v.shape, v.tobytes()) for k, v in theirs.items()
    }


def test_bfloat16_is_a_float32_cut_short(tmp_path):
    """Every bfloat16 is a float32 whose lower 16 bits are zero."""
    weight = load_gpt2(HF / "bfloat16").h[0].mlp.c_fc.weight.data
    assert weight.dtype == np.float32 and not (weight.view(np.uint32) & 0xFFFF).any()
    half = load_gpt2(HF / "float16").h[0].mlp.c_fc.weight.data
    assert np.array_equal(half.astype(np.float16), half)


def test_half_precision_on_disk(tmp_path):
    model = small_gpt(dtype=np.float32)
    save_gpt2(model, tmp_path, dtype=np.float16)
    stored = load_file(tmp_path / WEIGHTS)
    assert {array.dtype for array in stored.values()} == {np.dtype(np.float16)}
    halved = load_gpt2(tmp_path).wte.weight.data
    assert np.array_equal(halved, model.wte.weight.data.astype(np.float16).astype(np.float32))
    model.wte.weight.data[0, 0] = 1e6
    with pytest.raises(ValueError, match="wte.weight is not finite in float16"):
        save_gpt2(model, tmp_path, dtype=np.float16)


def test_float64_round_trip(tmp_path):
    model = small_gpt()
    save_gpt2(model, tmp_path)
    assert parameter_bytes(load_gpt2(tmp_path, dtype=np.float64)) == parameter_bytes(model)


def test_what_was_trained_is_what_is_saved(tmp_path, rng):
    base, tokens = small_gpt(dtype=np.float32), some_tokens()
    for method in (FullFineTuning(), HeadTuning()):
        model = moved(method.apply(base, rng))
        save_gpt2(model, tmp_path)
        assert np.array_equal(load_gpt2(tmp_path)(tokens), model(tokens))


def test_the_base_of_qlora_is_saved_in_four_bits(tmp_path):
    model = quantize_base(small_gpt(dtype=np.float32), double_quant=True)
    save_gpt2(model, tmp_path)
    assert np.array_equal(load_gpt2(tmp_path)(some_tokens()), model(some_tokens()))
    model.h[0].mlp.c_fc = model.h[0].mlp.c_fc.merge()
    with pytest.raises(ValueError, match="expected all linear layers in NF4, or none"):
        save_gpt2(model, tmp_path)


def test_adapters_are_not_written_into_a_base(tmp_path, rng):
    model = LoRA(2).apply(small_gpt(), rng)
    with pytest.raises(ValueError, match=r"merge adapters.*unexpected: h.0.attn.c_attn.A \(6, 2\)"):
        save_gpt2(model, tmp_path)
    save_gpt2(merge(model), tmp_path)
    with pytest.raises(ValueError, match=r"lm_head.weight is \(3, 6\), expected \(7, 6\)"):
        save_gpt2(HeadTuning(3).apply(small_gpt(), rng), tmp_path)
    with pytest.raises(ValueError, match="expected a GPT, got Linear"):
        save_gpt2(small_gpt().h[0].attn.c_attn, tmp_path)


def test_saving_over_shards_leaves_no_index(tmp_path):
    shutil.copytree(HF / "sharded", tmp_path / "gpt")
    model = small_gpt(dtype=np.float32)
    save_gpt2(model, tmp_path / "gpt")
    assert np.array_equal(load_gpt2(tmp_path / "gpt")(some_tokens()), model(some_tokens()))


def test_a_save_killed_half_way_leaves_the_old_file(directory):
    """The process dies between writing and renaming; what was there still loads."""
    before = {p.name: p.read_bytes() for p in directory.iterdir()}
    script = (
        "import os, sys, numpy as np\n"
        "from lora_np.checkpoint import load_gpt2, save_gpt2\n"
        "model = load_gpt2(sys.argv[1])\n"
        "model.wte.weight.data += 1\n"
        "os.fsync = lambda file: os._exit(9)\n"
        "save_gpt2(model, sys.argv[1])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", script, directory], env=environment)
    assert ended.returncode == 9
    assert {name: (directory / name).read_bytes() for name in before} == before
    load_gpt2(directory)


def test_a_save_that_fails_leaves_nothing_behind(directory, monkeypatch):
    before = {p.name: p.read_bytes() for p in directory.iterdir()}
    monkeypatch.setattr("lora_np.checkpoint.safetensors_io.save_tensors", no_space)
    with pytest.raises(OSError, match="no space"):
        save_gpt2(small_gpt(dtype=np.float32), directory)
    assert {p.name: p.read_bytes() for p in directory.iterdir()} == before


def no_space(tensors, path, metadata):
    path.write_bytes(b"half a file")
    raise OSError("no space")


def test_no_weights_are_drawn_for_a_loader():
    assert not any(p.data.any() for n, p in GPT(CONFIG, None).named_parameters() if "ln" not in n)


def test_weights_are_as_readable_as_settings(directory):
    modes = {path.stat().st_mode for path in directory.iterdir()}
    assert len(modes) == 1
