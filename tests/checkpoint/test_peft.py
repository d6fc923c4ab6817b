"""Adapters in PEFT's files: theirs in, ours out; test_peft_refusals.py has what must be refused."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from golden.readers.golden_hf import ADAPTERS, GOLDEN, base_of, difference
from helpers.methods import SMALL
from helpers.models import CONFIG as SHAPE
from helpers.models import moved, small_gpt, some_tokens
from helpers.safetensors_files import load_file, save_file
from lora_np.checkpoint import load_adapter, load_gpt2, save_adapter
from lora_np.checkpoint.peft.forms import form_of
from lora_np.methods import (
    IA3,
    METHODS,
    BitFit,
    BottleneckAdapters,
    DoRA,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    QLoRA,
    merge,
    quantize_base,
)
from lora_np.methods.inputs.p_tuning import PTuned

PEFT = GOLDEN / "peft"
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
RNG = np.random.default_rng
WIDE = replace(SHAPE, n_embd=8, n_inner=12)  # widths that blocks of 4 divide: BOFT's, RoAd's


def norms(model, rng):
    view = LoRA(2, 3.0, "c_fc").apply(model, rng)
    for block in view.h:
        block.ln_1.weight.train()
        block.ln_1.bias.train()
    return view


def wrapped_biases(model, rng):
    view = DoRA(2, 3.0, ("attn.c_proj",)).apply(model, rng)
    for block in view.h:
        block.attn.c_proj.base.bias.train()
    return view


WAYS = {  # every method that has a form; QLoRA's base is another, see below
    **{m.name: m.apply for m in SMALL if form_of(m) and not isinstance(m, QLoRA)},
    "LoRA": LoRA(2, 3.0, ("attn.c_proj", "c_fc"), dropout=0.25).apply,
    "rsLoRA": LoRA(2, 3.0, rslora=True).apply,
    "LoRA and a head": lambda m, rng: HeadTuning().apply(LoRA(2, 3.0).apply(m, rng), rng),
    "three classes, then DoRA": lambda m, rng: DoRA(2).apply(HeadTuning(3).apply(m, rng), rng),
    "LoRA and all biases": lambda m, rng: BitFit().apply(LoRA(2, 3.0).apply(m, rng), rng),
    "DoRA and its layers' biases": wrapped_biases,
    "LoRA and norms": norms,
    "IA3 behind layers only": IA3(("c_fc", "attn.c_proj"), ()).apply,
    "IA3 and a head": lambda m, rng: HeadTuning().apply(IA3().apply(m, rng), rng),
    "a head, then a prompt": lambda m, r: PromptTuning(2).apply(HeadTuning(3).apply(m, r), r),
    "Pfeiffer adapters and biases": lambda m, rng: BitFit().apply(
        BottleneckAdapters(2, "pfeiffer").apply(m, rng)
    ),
}


def learnt(model):
    return {name: p.data.tobytes() for name, p in model.named_parameters() if p.trainable}


@pytest.fixture
def base():
    return small_gpt(dtype=np.float32)


@pytest.fixture
def directory(tmp_path, base):
    save_adapter(moved(LoRA(2, 3.0).apply(base, RNG(0))), tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.parametrize("name", ADAPTERS)
def test_logits_are_those_of_peft(name):
    model = load_adapter(load_gpt2(base_of(name)), PEFT / name)
    assert difference(model, PEFT / name) < 1e-5


@pytest.mark.parametrize("name", [name for name in ADAPTERS if name.endswith("linear")])
def test_merged_logits_are_those_of_peft(name):
    model = merge(load_adapter(load_gpt2(base_of(name)), PEFT / name))
    assert difference(model, PEFT / name) < 1e-5


@pytest.mark.parametrize("name", ADAPTERS)
def test_what_peft_wrote_we_write_again(name, tmp_path):
    """Same names, same bytes; and the settings that say what they mean."""
    save_adapter(load_adapter(load_gpt2(base_of(name)), PEFT / name), tmp_path)
    ours, theirs = load_file(tmp_path / WEIGHTS), load_file(PEFT / name / WEIGHTS)
    assert ours.keys() == theirs.keys()
    assert all(ours[key].tobytes() == theirs[key].tobytes() for key in ours)
    ours, theirs = (json.loads((d / CONFIG).read_text()) for d in (tmp_path, PEFT / name))
    told = {
        "peft_type",
        "r",
        "lora_alpha",
        "use_rslora",
        "use_dora",
        "bias",
        "task_type",
        "num_virtual_tokens",
    }
    assert len(told & theirs.keys()) >= 2
    for key in told & theirs.keys():
        assert ours[key] == theirs[key], key


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_is_bit_exact(way, dtype, tmp_path):
    base = small_gpt(WIDE, dtype)
    before = {name: p.data.tobytes() for name, p in base.named_parameters()}
    model = moved(WAYS[way](base, RNG(0)))
    save_adapter(model, tmp_path)
    loaded = load_adapter(base, tmp_path)
    assert np.array_equal(loaded(some_tokens()), model(some_tokens()))
    # P-tuning's file holds the prompt that its encoder wrote, and no encoder
    saved = model.without_encoder() if isinstance(model, PTuned) else model
    assert learnt(loaded) == learnt(saved)
    kinds = [type(m) for m in model.methods]
    assert [type(m) for m in loaded.methods] == sorted(kinds, key=[*map(type, METHODS)].index)
    assert before == {name: p.data.tobytes() for name, p in base.named_parameters()}
    frozen = {n: p for n, p in loaded.named_parameters() if not p.trainable}
    shared = dict(base.named_parameters())
    own = frozen.keys() & shared.keys()  # and not what a method draws and freezes
    assert own and all(np.shares_memory(frozen[n].data, shared[n].data) for n in own)


def test_settings_survive(base, tmp_path):
    method = LoRA(2, 3.0, ("attn.c_proj", "c_fc"), dropout=0.25, rslora=True)
    save_adapter(method.apply(base, RNG(0)), tmp_path)
    assert load_adapter(base, tmp_path).methods == (method,)


def test_an_adapter_trained_over_four_bits_loads_on_either_base(base, tmp_path):
    """QLoRA's file is LoRA's: what it stands on is the base's business."""
    model = moved(QLoRA(2, 3.0).apply(base, RNG(0)))
    save_adapter(model, tmp_path)
    dense = load_adapter(base, tmp_path)
    assert type(dense.methods[0]) is LoRA
    assert np.array_equal(dense.h[0].attn.c_attn.A.data, model.h[0].attn.c_attn.A.data)
    four_bit = quantize_base(base)
    assert np.array_equal(load_adapter(four_bit, tmp_path)(some_tokens()), model(some_tokens()))


def test_a_prefix_is_saved_without_the_mlp_that_made_it(base, tmp_path):
    model = moved(PrefixTuning(2, mlp_width=3).apply(base, RNG(0)))
    with pytest.raises(ValueError, match=r"save model.without_mlp\(\)"):
        save_adapter(model, tmp_path / "adapter")
    plain = model.without_mlp()
    assert np.array_equal(plain(some_tokens()), model(some_tokens()))
    assert plain.methods == (PrefixTuning(2),) and plain.table.prefix.trainable
    save_adapter(plain, tmp_path / "adapter")
    loaded = load_adapter(base, tmp_path / "adapter")
    assert np.array_equal(loaded(some_tokens()), model(some_tokens()))


def test_the_smallest_file_that_peft_takes(base, directory):
    (directory / CONFIG).write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 3.0}')
    assert load_adapter(base, directory).methods == (LoRA(2, 3.0),)


def test_names_of_a_bare_body(base, directory):
    expected = load_adapter(base, directory)(some_tokens())
    tensors = load_file(directory / WEIGHTS)
    tensors = {key.replace("transformer.", ""): array for key, array in tensors.items()}
    save_file(tensors, directory / WEIGHTS)
    assert np.array_equal(load_adapter(base, directory)(some_tokens()), expected)


def test_an_adapter_is_added_to_what_already_learns(base, directory):
    """Loading onto a model with a method of another kind leaves that model as it was."""
    model = moved(BitFit().apply(base))
    before = learnt(model)
    view = load_adapter(model, directory)
    assert learnt(view).keys() > before.keys()
    moved(view)
    assert learnt(model) == before


def test_a_save_killed_half_way_leaves_the_old_files(directory):
    before = {p.name: p.read_bytes() for p in directory.iterdir()}
    script = (
        "import os, sys, numpy as np\n"
        "from lora_np.checkpoint import save_adapter\n"
        "from lora_np.methods import LoRA\n"
        "from helpers.models import small_gpt\n"
        "os.fsync = lambda file: os._exit(9)\n"
        "save_adapter(LoRA(3).apply(small_gpt(), np.random.default_rng(0)), sys.argv[1])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", script, directory], env=environment)
    assert ended.returncode == 9
    assert {name: (directory / name).read_bytes() for name in before} == before
