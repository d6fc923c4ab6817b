"""The command `inspect`: what a model is, and what an adapter does to its base."""

import json

import numpy as np
import pytest

from golden.readers.architectures import write
from golden.readers.golden_hf import GOLDEN
from helpers.gguf_files import write_gguf
from lora_np.__main__ import main
from lora_np.checkpoint import load_base, load_llama, save_adapter
from lora_np.checkpoint.model import BASE
from lora_np.methods import IA3, BottleneckAdapters, LoRA


def test_inspect_tells_what_an_adapter_moves(tmp_path, capsys):
    model = LoRA(4, 6.0, ("mlp.c_fc",)).apply(load_base(), np.random.default_rng(0))
    save_adapter(model, tmp_path / "still")
    assert not main(["inspect", str(tmp_path / "still")])
    printed = capsys.readouterr().out
    assert "h.3.mlp.c_fc" in printed and "128 x 512" in printed and "1.5" in printed
    assert "c_attn" not in printed.split("layer", 1)[1] and "<function" not in printed
    model.h[0].mlp.c_fc.B.data += 1
    save_adapter(model, tmp_path / "moved")
    assert not main(["inspect", str(tmp_path / "moved"), "--json"])
    changes = [layer["change"] for layer in json.loads(capsys.readouterr().out)["layers"]]
    assert changes[0] > 0.1 and changes[1:] == [0, 0, 0]


def test_what_a_method_has_not_is_a_dash(tmp_path, capsys):
    save_adapter(IA3().apply(load_base(), None), tmp_path)
    assert not main(["inspect", str(tmp_path)])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line[:2] == "h."]
    assert rows and all(row[-3:] == ["-", "-", "0.0000"] for row in rows)


@pytest.mark.parametrize(
    ("method", "form", "said"),
    [
        (BottleneckAdapters(), "lora_np", "in this library's own form, which PEFT cannot read"),
        (IA3(), "peft", "in PEFT's form"),
    ],
)
def test_whose_form_an_adapter_is_in(method, form, said, tmp_path, capsys):
    save_adapter(method.apply(load_base(), np.random.default_rng(0)), tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert (config["peft_type"] == "LORA_NP") == (form == "lora_np")
    assert not main(["inspect", str(tmp_path)])
    assert said in capsys.readouterr().out
    assert not main(["inspect", str(tmp_path), "--json"])
    assert json.loads(capsys.readouterr().out)["form"] == form


def test_inspect_says_what_a_model_is(tmp_path, capsys):
    assert not main(["inspect", str(GOLDEN / "hf_llama" / "qwen2_nf4_double")])
    printed = capsys.readouterr().out
    assert "qwen2" in printed and "biases on q, k and v" in printed and "nf4" in printed
    write("qwen3, all its settings", tmp_path)
    assert not main(["inspect", str(tmp_path), "--json"])
    about = json.loads(capsys.readouterr().out)
    assert about["numbers"] == sum(p.size for p in load_llama(tmp_path).parameters())
    assert "a window of 5 positions in 1 of 1 layers" in about["options"]
    assert "YarnScaling(factor=4.0" in about["positions"] and about["head"] == "its own"
    assert not main(["inspect", str(BASE), "--json"])
    about = json.loads(capsys.readouterr().out)
    assert (about["kind"], about["positions"], about["files"]) == ("gpt2", "learned", 1)


@pytest.mark.extra("gguf")
def test_inspect_says_what_a_gguf_is(tmp_path, capsys):
    write("llama3", tmp_path)
    write_gguf(tmp_path / "model.gguf", load_llama(tmp_path), None)
    assert not main(["inspect", str(tmp_path / "model.gguf"), "--json"])
    about = json.loads(capsys.readouterr().out)
    assert about["kind"] == "llama" and "LongRopeScaling" in about["positions"]


def test_inspect_refuses_what_is_no_adapter(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "gone")]) == 2
    assert "gone" in capsys.readouterr().err
