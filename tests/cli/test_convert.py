"""The command `convert`: any adapter, or a whole fine-tuned model, as LoRA in PEFT's form."""

import json

import numpy as np
import pytest

from helpers.llamas import small_llama
from helpers.models import moved
from lora_np import IA3, FullFineTuning, LoRA, load_adapter, save_adapter, save_gpt2
from lora_np.__main__ import main
from lora_np.analysis.adapter_report import inspect_adapter
from lora_np.checkpoint import load_base, save_model
from lora_np.checkpoint.peft import adapter as peft
from lora_np.course.notebook import CODE_ADAPTER
from lora_np.nn import LlamaConfig
from lora_np.tokenizers.byte import ByteTokenizer

TOKENS = np.arange(12).reshape(2, 6)


def converted(out, *typed, rank="2"):
    return main(["convert", *map(str, typed), "--rank", rank, "--out", str(out)])


def test_a_lower_rank_loses_what_it_says_and_a_higher_one_nothing(tmp_path, capsys):
    base, trained = load_base().freeze(), load_adapter(load_base(), CODE_ADAPTER)
    for rank in (8, 3):
        out = tmp_path / f"r{rank}"
        assert not converted(out, "--adapter", CODE_ADAPTER, "--json", rank=str(rank))
        errors = json.loads(capsys.readouterr().out)["errors"]
        layers = inspect_adapter(load_adapter(base, out))["layers"]
        assert {layer["name"]: layer["rank"] for layer in layers} == dict.fromkeys(errors, rank)
        gap = np.abs(load_adapter(base, out)(TOKENS) - trained(TOKENS)).max()
        assert (max(errors.values()) < 1e-5) == (gap < 1e-3) == (rank == 8)


def test_ia3_and_a_whole_model_become_lora(tmp_path, capsys):
    base = load_base()
    model = moved(IA3().apply(base, None), spread=0.05)
    save_adapter(model, tmp_path / "ia3")
    assert not converted(tmp_path / "a", "--adapter", tmp_path / "ia3", rank="128")
    assert "lost at most" in capsys.readouterr().out
    loaded = load_adapter(base, tmp_path / "a")
    np.testing.assert_allclose(loaded(TOKENS), model(TOKENS), atol=1e-3)
    save_gpt2(moved(FullFineTuning().apply(base, None), spread=0.001), tmp_path / "whole")
    assert not converted(tmp_path / "b", "--tuned", tmp_path / "whole")
    assert "wte.weight differs by" in capsys.readouterr().out
    kept = load_adapter(load_base().freeze(), tmp_path / "b")
    assert not kept.wte.weight.trainable, "the table is not saved"


def test_it_writes_whole_or_nothing_and_over_nothing(tmp_path, capsys, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    assert converted(tmp_path / "mine", "--adapter", CODE_ADAPTER) == 2
    assert "holds files already" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(peft, "write_directory", full)
    assert converted(tmp_path / "new", "--adapter", CODE_ADAPTER) == 2
    assert not (tmp_path / "new").exists()


@pytest.mark.extra("gguf")
def test_an_adapter_in_another_form(tmp_path, capsys):
    """From PEFT's to llama.cpp's to mlx-lm's and back: the same numbers, and what each is."""
    base = small_llama(LlamaConfig(257, 16, 12, 2, 2, max_position_embeddings=32), np.float32)
    save_model(base, ByteTokenizer, tmp_path / "base")
    model = moved(LoRA(2, 3.0, "all-linear").apply(base, np.random.default_rng(0)))
    save_adapter(model, tmp_path / "peft")
    before, there = tmp_path / "peft", ("--base", str(tmp_path / "base"))
    for form, word in (("gguf", "--lora"), ("mlx", "--adapter-path"), ("peft", "doctor")):
        typed = ["convert", "--adapter", str(before), "--form", form, *there]
        assert not main([*typed, "--out", str(tmp_path / f"as {form}")])
        assert word in capsys.readouterr().out
        assert not main([*typed, "--out", str(tmp_path / f"{form} again"), "--json"])
        told = json.loads(capsys.readouterr().out)
        assert told == {"out": str(tmp_path / f"{form} again"), "form": form}
        before = tmp_path / f"as {form}"
        before = before / "adapter.gguf" if form == "gguf" else before
        assert not main(["inspect", str(before), *there, "--json"])
        about = json.loads(capsys.readouterr().out)
        assert about["form"] == form and about["trained"] == sum(
            p.size for p in model.trainable_parameters()
        )
    assert main(["doctor", str(tmp_path / "as mlx")]) == 2
    assert "the form 'mlx'; `convert --form peft`" in capsys.readouterr().err
    again = load_adapter(base, before)
    assert np.array_equal(again(TOKENS), model(TOKENS))
    assert main(["inspect", str(tmp_path / "as gguf" / "adapter.gguf")]) == 2
    assert "did you mean --base" in capsys.readouterr().err
    use = ["generate", "--tokens", "3", "--adapter", str(tmp_path / "as mlx"), *there]
    assert not main(use)
    assert main(["generate", "--base", str(tmp_path / "as gguf" / "adapter.gguf")]) == 2
    assert "an adapter, not a model" in capsys.readouterr().err


@pytest.mark.parametrize("typed", [["--tuned", "a", "--form", "mlx"], ["--adapter", "a"]])
def test_it_says_what_it_needs(typed, capsys):
    assert main(["convert", *typed, "--out", "x"]) == 2
    assert "convert needs --rank" in capsys.readouterr().err


@pytest.mark.parametrize("typed", [[], ["--adapter", "a", "--tuned", "b"]])
def test_it_takes_one_thing_to_convert(tmp_path, capsys, typed):
    assert converted(tmp_path / "x", *typed) == 2
    assert "one of the two" in capsys.readouterr().err
