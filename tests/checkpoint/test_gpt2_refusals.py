"""GPT-2 directories that must be refused: each in words that say what is wrong and where."""

import json
import shutil

import numpy as np
import pytest

from golden.readers.golden_hf import GOLDEN
from helpers.models import small_gpt
from helpers.safetensors_files import load_file, save_file
from lora_np.checkpoint import load_gpt2, save_gpt2

HF = GOLDEN / "hf"
WEIGHTS = "model.safetensors"


@pytest.fixture
def directory(tmp_path):
    """A GPT-2 of our own making, to be damaged."""
    save_gpt2(small_gpt(dtype=np.float32), tmp_path / "gpt")
    return tmp_path / "gpt"


def edit_config(directory, **changes):
    path = directory / "config.json"
    settings = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in settings.items() if v != "absent"}))


def edit_tensors(directory, change):
    tensors = load_file(directory / WEIGHTS)
    change(tensors)
    save_file(tensors, directory / WEIGHTS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "llama"}, "model_type 'llama'"),
        ({"model_type": "absent"}, "model_type None"),
        ({"activation_function": "relu"}, "activation_function 'relu'"),
        ({"activation_function": ["x"], "scale_attn_weights": False}, "'x'.*scale_attn_weights"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx True"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings 'no'"),
        ({"tie_word_embeddings": False}, r"missing: lm_head.weight \(7, 6\)"),
        ({"n_layer": 3}, "missing: transformer.h.2.attn.c_attn.weight"),
        ({"n_layer": 10**12}, "28 tensors are too few for n_layer 1000000000000"),
        ({"n_layer": 1}, "unexpected: transformer.h.1.attn.c_attn.bias"),
        ({"n_embd": 10**9}, r"wte.weight is \(7, 6\), expected \(7, 1000000000\)"),
        ({"vocab_size": 10**400}, "not JSON: 10+ is not a number to work with"),
        ({"vocab_size": 2**63}, "not JSON: 9223372036854775808 is not a number"),
        ({"vocab_size": 7.5}, "expected vocab_size from 1, a whole number, got 7.5"),
        ({"vocab_size": None}, "expected vocab_size to be a number, got None"),
        ({"n_head": 4}, "does not divide into 4 heads"),
        ({"n_head": True}, "n_head to be a number, got True"),
        ({"layer_norm_epsilon": float("inf")}, "Infinity is not a number"),
        ({"resid_pdrop": "0.1"}, "resid_pdrop to be a number, got '0.1'"),
    ],
)
def test_settings_that_do_not_fit(directory, changes, message):
    edit_config(directory, **changes)
    with pytest.raises(ValueError, match=message) as error:
        load_gpt2(directory)
    assert str(directory) in str(error.value)


def test_one_error_lists_every_tensor(directory):
    def damage(tensors):
        del tensors["transformer.wpe.weight"], tensors["transformer.ln_f.bias"]
        tensors["transformer.h.0.extra"] = np.zeros(2, np.float32)
        c_fc = "transformer.h.1.mlp.c_fc.weight"
        tensors[c_fc] = np.ascontiguousarray(tensors[c_fc].T)

    edit_tensors(directory, damage)
    with pytest.raises(ValueError) as caught:
        load_gpt2(directory)
    for part in (
        "missing: transformer.wpe.weight (8, 6), transformer.ln_f.bias (6,)",
        "unexpected: transformer.h.0.extra (2,)",
        "of another shape: transformer.h.1.mlp.c_fc.weight is (10, 6), expected (6, 10)",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("transformer.ln_f.bias", np.zeros(6, np.int64), "ln_f.bias in floats, got I64"),
        ("transformer.ln_f.bias", np.full(6, np.nan, np.float32), "not finite"),
        ("transformer.ln_f.bias", np.full(6, 1e300), "not finite in float32"),
        ("transformer.ln_f.bias", np.zeros((0,), np.float32), r"is \(0,\), expected \("),
        ("lm_head.weight", np.ones((7, 5), np.float32), r"lm_head.weight is \(7, 5\), expected"),
        ("wte.weight", np.ones((7, 6), np.float32), r"unexpected: wte.weight \(7, 6\)"),
        ("transformer.h.0.attn.bias", np.ones((1, 1, 9, 8), np.float32), "unexpected: .*attn.bias"),
    ],
)
def test_tensors_that_do_not_fit(directory, name, value, message):
    edit_tensors(directory, lambda tensors: tensors.update({name: value}))
    with pytest.raises(ValueError, match=message):
        load_gpt2(directory)


def test_a_tied_head_may_be_in_the_file(directory):
    edit_tensors(
        directory, lambda t: t.update({"lm_head.weight": t["transformer.wte.weight"].copy()})
    )
    model = load_gpt2(directory)
    assert model.lm_head.weight is model.wte.weight


def test_directories_that_are_none(directory, tmp_path):
    with pytest.raises(ValueError, match="no config.json in .*nowhere: no such directory"):
        load_gpt2(tmp_path / "nowhere")
    (directory / WEIGHTS).rename(directory / "pytorch_model.bin")
    with pytest.raises(ValueError, match="no model.safetensors.*pytorch_model.bin; pickled"):
        load_gpt2(directory)
    for content, message in [
        (b"", "not JSON"),
        (b"[1]", "expected a JSON object, got list"),
        (b"\xff", "not JSON"),
        (b'{"a":' * 50_000, "not JSON"),
        (b'{"n_layer": 1' + b"0" * 5000 + b"}", "not JSON"),
    ]:
        (directory / "config.json").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            load_gpt2(directory)


@pytest.mark.parametrize(
    "shard",
    [
        "../three_heads/model.safetensors",
        "/etc/passwd",
        "..",
        "",
        "C:x.safetensors",
        "a\\b.safetensors",
        "model.bin",
        "x\0.safetensors",
    ],
)
def test_an_index_cannot_name_files_elsewhere(tmp_path, shard):
    shutil.copytree(HF / "sharded", tmp_path / "gpt")
    index = tmp_path / "gpt" / "model.safetensors.index.json"
    names = json.loads(index.read_text())
    names["weight_map"]["transformer.wte.weight"] = shard
    index.write_text(json.dumps(names))
    with pytest.raises(ValueError, match="expected plain names of .safetensors files, got"):
        load_gpt2(tmp_path / "gpt")


def test_an_index_must_be_true(tmp_path):
    shutil.copytree(HF / "sharded", tmp_path / "gpt")
    index = tmp_path / "gpt" / "model.safetensors.index.json"
    names = json.loads(index.read_text())
    first, last = sorted(set(names["weight_map"].values()))[
        :: len(set(names["weight_map"].values())) - 1
    ]
    moved_name = next(k for k, v in names["weight_map"].items() if v == first)
    index.write_text(json.dumps({"weight_map": names["weight_map"] | {moved_name: last}}))
    with pytest.raises(ValueError, match=f"otherwise than it says: {moved_name}"):
        load_gpt2(tmp_path / "gpt")
    index.write_text(json.dumps({"weight_map": {"a": 3}}))
    with pytest.raises(ValueError, match="expected a weight_map of names to file names"):
        load_gpt2(tmp_path / "gpt")
    index.write_text(json.dumps({"weight_map": {**names["weight_map"], "a": "gone.safetensors"}}))
    with pytest.raises(ValueError, match="gone.safetensors: not a readable safetensors file"):
        load_gpt2(tmp_path / "gpt")
