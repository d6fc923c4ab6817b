"""Adapters in the forms of other programs that cannot be read, or not be written."""

import json
import shutil

import numpy as np
import pytest

from golden.readers.other_adapters import HERE, base_of, layers_of_rank
from helpers.gguf_files import write_gguf_adapter
from helpers.safetensors_files import save_file
from lora_np.checkpoint import load_adapter, load_llama, load_tokenizer, save_adapter
from lora_np.methods import IA3, HeadTuning, LoRA
from lora_np.system import extras

EVERY, RNG = "all-linear", np.random.default_rng
in_gguf = pytest.mark.extra("gguf")


@in_gguf
@pytest.mark.parametrize("form", ["gguf", "mlx"])
def test_what_a_form_has_no_place_for_is_refused(form, tmp_path):
    base = base_of("llama")
    for model, learns in (
        (IA3(("k_proj",), ("down_proj",)).apply(base, RNG(0)), "layers.0.self_attn.k_proj.l"),
        (HeadTuning().apply(LoRA(2, 3.0, EVERY).apply(base, RNG(0)), RNG(0)), "lm_head.weight"),
        (LoRA(2, 3.0, ("q_proj", "embed_tokens")).apply(base, RNG(0)), "embed_tokens.A"),
        (LoRA(2, 3.0, ("q_proj",), bias=True).apply(base, RNG(0)), ".*q_proj.B_bias"),
        (base.view().freeze(), "none"),
    ):
        with pytest.raises(ValueError, match=f"form holds LoRA alone, and here learns {learns}"):
            save_adapter(model, tmp_path / "out", form=form)
        assert not list(tmp_path.glob("out/*"))


@in_gguf
def test_a_folder_with_an_adapter_that_would_be_read_in_its_place(tmp_path):
    model = LoRA(2, 3.0, EVERY).apply(base_of("llama"), RNG(0))
    for form in ("peft", "mlx"):
        save_adapter(model, tmp_path / form, form=form)
        with pytest.raises(ValueError, match="holds an adapter in another form"):
            save_adapter(model, tmp_path / form, form="gguf")


@in_gguf
@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("llama", {"type": "model"}, "expected general.type 'adapter', got 'model'"),
        ("llama", {"adapter": "cvec"}, "expected adapter.type 'lora', got 'cvec'"),
        ("llama", {"architecture": "qwen2"}, "trained on the architecture 'qwen2', .* is 'llama'"),
        ("llama", {"prompt_prefix": "x"}, r"does not have: \['adapter.lora.prompt_prefix'\]"),
        ("gpt2", {}, "was trained on a Llama, and this is a GPT-2; did you mean --base smollm2"),
    ],
)
def test_a_gguf_that_is_not_this_models(kind, settings, message, tmp_path):
    path = tmp_path / "a.gguf"
    write_gguf_adapter(path, layers_of_rank(2, 2), base_of("llama").config, 4.0, **settings)
    with pytest.raises(ValueError, match=message):
        load_adapter(base_of(kind), path)


PARAMETERS = {"rank": 2, "scale": 1.7, "dropout": 0.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fine_tune_type": "prefix"}, "expected fine_tune_type lora, dora or full, got 'prefix'"),
        ({"lora_parameters": {"rank": 2, "alpha": 4}}, "lora_parameters with rank and scale"),
        ({"lora_parameters": PARAMETERS | {"init": 1}}, "lora_parameters with rank and scale, of"),
        (
            {"lora_parameters": PARAMETERS | {"rank": 3}},
            "of another shape: layers.0.self_attn.q_proj.lora_A",
        ),
        ({"lora_parameters": PARAMETERS | {"keys": "all"}}, "expected keys to be a list of names"),
        ({"num_layers": None}, "expected .* num_layers a whole number, got None and None"),
        (
            {"num_layers": 1},
            "leave out model.layers.0.mlp.down_proj, .* and 3 more, which it holds",
        ),
        ({"lora_parameters": PARAMETERS | {"keys": ["mlp.up_proj"]}}, "leave out model.layers.0.m"),
        ({"fine_tune_type": "dora"}, "missing: .*lora_magnitude_vector"),
    ],
)
def test_what_mlx_lms_settings_may_not_say(changes, message, tmp_path):
    shutil.copytree(HERE / "lora", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ValueError, match=message):
        load_adapter(base_of("llama"), tmp_path)


def test_whole_weights_of_a_gpt2_are_not_read_the_wrong_way(tmp_path):
    shutil.copytree(HERE / "full", tmp_path, dirs_exist_ok=True)
    name = "model.h.1.attn.c_proj.weight"
    save_file({name: np.zeros((16, 16), np.float32)}, tmp_path / "adapters.safetensors")
    with pytest.raises(ValueError, match="fine_tune_type full is read for Llamas, .* a GPT-2"):
        load_adapter(base_of("gpt2"), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("story.txt", b"Once upon", "begins with b'Once'; expected a directory, or a .gguf file"),
        ("none.gguf", b"", "it is empty; expected a directory, or a .gguf file"),
        ("w.safetensors", b"\x08\0\0\0\0", "expected a directory, as .*, or a .gguf file"),
    ],
)
def test_a_file_that_is_no_gguf_is_said_without_a_library(
    name, content, message, tmp_path, monkeypatch
):
    monkeypatch.setattr(extras, "has_extra", lambda name: False)
    path = tmp_path / name
    path.write_bytes(content)
    for load in (lambda path: load_adapter(base_of("llama"), path), load_llama, load_tokenizer):
        with pytest.raises(ValueError, match=f"{name}: not a GGUF file: .*{message}"):
            load(path)


def test_a_gpt2_is_refused_before_a_library_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "has_extra", lambda name: False)
    model = LoRA(2, 3.0, EVERY).apply(base_of("gpt2"), RNG(0))
    with pytest.raises(ValueError, match="is written for Llamas; this is a GPT-2"):
        save_adapter(model, tmp_path, form="gguf")
