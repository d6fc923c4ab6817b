"""Llamas from files: Hugging Face's directories and PEFT's adapters as they are, and GGUF."""

import dataclasses
import json
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from helpers.gguf_files import write_gguf
from helpers.llamas import ATTENTION, small_llama
from helpers.models import moved, some_tokens
from helpers.safetensors_files import load_file, names_in
from lora_np.checkpoint import (
    load_adapter,
    load_base,
    load_llama,
    load_model,
    save_adapter,
    save_llama,
    save_model,
)
from lora_np.memory.measured import array_bytes
from lora_np.methods import BottleneckAdapters, HeadTuning, LoRA, PrefixTuning, quantize_base
from lora_np.nn import LlamaConfig
from lora_np.nn.llama_config import FULL, SLIDING
from lora_np.tokenizers.byte import ByteTokenizer

HF = Path(__file__).parent.parent / "golden" / "data" / "hf_llama"
MODELS = sorted(p.name for p in HF.iterdir() if not p.name.startswith("adapter_"))
ADAPTERS = sorted(p.name for p in HF.iterdir() if p.name.startswith("adapter_"))
RNG = np.random.default_rng
CONFIG = LlamaConfig(
    vocab_size=40,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=16,
    rope_theta=5e4,
)


def expected(name):
    file = load_file(HF / name / "expected.safetensors")
    return file["tokens"], file["logits"]


@pytest.mark.parametrize("name", MODELS)
def test_directory(name):
    tokens, logits = expected(name)
    model = load_llama(HF / name)
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert np.abs(model(tokens) - logits).max() <= 1e-5
    assert (model.lm_head.weight is model.wte.weight) == ("untied" not in name)


@pytest.mark.parametrize("name", ADAPTERS)
def test_peft_adapter_both_ways(name, tmp_path):
    """PEFT's adapter computes the same here, and is written again with the same numbers."""
    base, (tokens, logits) = load_llama(HF / "grouped"), expected(name)
    model = load_adapter(base, HF / name)
    assert np.abs(model(tokens) - logits).max() <= 1e-5
    assert np.abs(base(tokens) - logits).max() > 1e-2
    save_adapter(model, tmp_path)
    theirs, mine = (
        load_file(directory / "adapter_model.safetensors") for directory in (HF / name, tmp_path)
    )
    assert theirs.keys() == mine.keys()
    assert all(np.array_equal(theirs[key], mine[key]) for key in theirs)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["fan_in_fan_out"] is False and config["peft_type"] in ("LORA", "IA3")


@pytest.mark.parametrize(
    "method",
    [LoRA(2, 3.0, ATTENTION), HeadTuning(3), PrefixTuning(2), BottleneckAdapters(3)],
    ids=lambda method: type(method).__name__,
)
def test_adapters_there_and_back(method, tmp_path):
    base = small_llama()
    model = moved(method.apply(base, RNG(0)))
    save_adapter(model, tmp_path)
    assert np.array_equal(load_adapter(base, tmp_path)(some_tokens()), model(some_tokens()))


def test_an_adapter_without_targets_means_pefts_own(tmp_path):
    base = small_llama()
    model = moved(LoRA(2, 3.0, ("q_proj", "v_proj")).apply(base, RNG(0)))
    save_adapter(model, tmp_path)
    path = tmp_path / "adapter_config.json"
    config = json.loads(path.read_text())
    del config["target_modules"]
    path.write_text(json.dumps(config))
    assert np.array_equal(load_adapter(base, tmp_path)(some_tokens()), model(some_tokens()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gemma"}, "model_type 'gemma' .expected 'llama' or 'mistral' or"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rope_type 'yarn' needs a factor"),
        ({"hidden_act": "gelu"}, r"hidden_act 'gelu' \(expected 'silu'\)"),
        ({"attention_bias": True}, r"missing: layers.0.self_attn.q_proj.bias \(24,\)"),
        ({"num_hidden_layers": 9999}, "20 tensors are too few for 9999 layers"),
        ({"num_hidden_layers": 10**12}, "num_hidden_layers up to 10,000, got 1000000000000"),
        ({"num_hidden_layers": 1}, "unexpected: layers.1.input_layernorm.weight"),
        ({"intermediate_size": 21}, r"mlp.down_proj.weight is \(24, 20\), expected \(24, 21\)"),
        ({"vocab_size": "13"}, "vocab_size to be a number, got '13'"),
        ({"num_key_value_heads": 4}, "6 heads do not divide into 4 groups"),
        ({"tie_word_embeddings": False}, "missing: lm_head.weight"),
    ],
)
def test_what_a_directory_may_not_say(changes, message, tmp_path):
    shutil.copytree(HF / "grouped", tmp_path, dirs_exist_ok=True)
    settings = json.loads((tmp_path / "config.json").read_text()) | changes
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=message) as error:
        load_llama(tmp_path)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("kind", ["qwen2", "qwen3"])
@pytest.mark.parametrize("first", range(4))
def test_where_windows_begin_is_also_said_without_layer_types(kind, first, tmp_path):
    """By `max_window_layers`, for programs from before there were such lists."""
    layers = tuple(FULL if i < first else SLIDING for i in range(3))
    config = LlamaConfig(7, 8, 8, 3, 2, model_type=kind, sliding_window=2, layer_types=layers)
    save_llama(small_llama(config, np.float32), tmp_path)
    path = tmp_path / "config.json"
    settings = json.loads(path.read_text())
    del settings["layer_types"]
    path.write_text(json.dumps(settings))
    again = load_llama(tmp_path).config
    assert [again.window(i) for i in range(3)] == [config.window(i) for i in range(3)]


@pytest.mark.parametrize("name", MODELS)
def test_saved_and_loaded_is_the_same(name, tmp_path):
    """And what transformers wrote has the names and shapes of what is written here."""
    model = load_llama(HF / name)
    save_llama(model, tmp_path)
    again = load_llama(tmp_path)
    tokens, _ = expected(name)
    assert again.config == model.config and np.array_equal(again(tokens), model(tokens))
    theirs, mine = (
        {k for file in d.glob("model*.safetensors") for k in names_in(file)}
        for d in (HF / name, tmp_path)
    )
    assert theirs == mine


def mixed(model):
    view, dense = quantize_base(model), model.layers[0].mlp.up_proj
    view.replace("layers.0.mlp.up_proj", dense)
    return view


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: LoRA(2, 3.0, ATTENTION).apply(m, RNG(0)), "unexpected: .*q_proj.A"),
        (lambda m: mixed(m), "expected all linear layers in 4 bits, or none"),
        (lambda m: quantize_base(m, int8_embeddings=True), "missing: .*embed_tokens.weight"),
        (lambda m: HeadTuning(3).apply(m, RNG(0)), "lm_head.weight is .3, 32., expected .40, 32."),
        (lambda m: m.layers[0], "expected a Llama, got LlamaBlock"),
    ],
)
def test_saving_refuses_what_is_no_plain_llama(make, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_llama(make(small_llama(CONFIG, np.float32)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_any_model_by_its_place(tmp_path):
    """load_model knows a kind by its config.json; without a tokenizer it says what is missing."""
    assert load_model()[0].config == load_base().config
    model = small_llama(dataclasses.replace(CONFIG, vocab_size=257), np.float32)
    save_model(model, ByteTokenizer, tmp_path)
    again, tokenizer = load_model(tmp_path)
    assert tokenizer is ByteTokenizer and again.config == model.config
    four_bits, _ = load_model(tmp_path, nf4=True)
    assert {type(layer).__name__ for _, layer in four_bits.linears()} == {"NF4Linear"}
    with pytest.raises(ValueError, match="expected a whole model, got LlamaBlock"):
        save_model(model.layers[0], ByteTokenizer, tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(settings | {"model_type": "mamba"}))
    with pytest.raises(ValueError, match="expected a model_type of gpt2, llama, .* got 'mamba'"):
        load_model(tmp_path)
    with pytest.raises(ValueError, match="nowhere: no such file"):
        load_model(tmp_path / "nowhere")


PACKED = [pytest.param(kind, marks=pytest.mark.extra("gguf")) for kind in ("Q8_0", None)]


@pytest.mark.parametrize("stored", [*PACKED, "directory"])
def test_quantized_while_loading_is_quantized_after(stored, tmp_path):
    """Layer by layer from the file, and of the whole model: the same codes, scales and logits."""
    model, tokens = small_llama(CONFIG, np.float32), some_tokens(vocab=40)
    path = tmp_path / "model"
    save_llama(model, path) if stored == "directory" else write_gguf(path, model, stored)
    at_once = load_llama(path, nf4=True)
    after = quantize_base(load_llama(path), double_quant=True, int8_embeddings=True)
    assert np.array_equal(at_once(tokens), after(tokens))
    assert not np.array_equal(at_once(tokens), model(tokens))
    assert array_bytes(at_once) == array_bytes(after) < 0.3 * array_bytes(model)
    assert not at_once.trains()


def test_loading_in_few_bits_holds_no_whole_model(tmp_path):
    """The most that is held at once is far below the model in float32."""
    config = LlamaConfig(vocab_size=30000, num_hidden_layers=6)
    model = small_llama(config, np.float32)
    save_llama(model, tmp_path)
    tracemalloc.start()
    load_llama(tmp_path, nf4=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * array_bytes(model)
