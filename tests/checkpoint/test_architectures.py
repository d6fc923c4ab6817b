"""Every architecture that Llama computes, from the directory that transformers would write."""

import dataclasses
import json

import numpy as np
import pytest

from golden.readers.architectures import CASES, NEW, differences, expected, gap, write
from helpers.gguf_files import write_gguf
from helpers.llamas import small_llama
from helpers.models import moved, some_tokens
from lora_np.checkpoint import load_adapter, load_llama, load_model, save_adapter, save_llama
from lora_np.generation import generate
from lora_np.gradcheck import check_directional, check_gradients
from lora_np.methods import (
    IA3,
    BitFit,
    BottleneckAdapters,
    DoRA,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    QLoRA,
    TinyLoRA,
)
from lora_np.nn import LlamaConfig, rotary
from lora_np.nn.attention import causal_mask

cases = pytest.mark.parametrize("name", CASES)


@cases
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_logits_and_gradients_are_transformers(name, dtype, tmp_path):
    """In float64 to rounding (its gradients are kept in float32), and in float32."""
    write(name, tmp_path)
    gaps, exact = differences(name, tmp_path, dtype), dtype == "float64"
    assert max(gaps["logits"], gaps["loss"]) <= (1e-12 if exact else 5e-6)
    assert gaps["gradients"] <= (1e-7 if exact else 2e-5)


@cases
def test_what_it_writes_is_transformers(name, tmp_path):
    """A token at a time, with a cache; past the window, and past the context of dynamic scaling."""
    write(name, tmp_path)
    theirs, model = expected(name)["generated"], load_llama(tmp_path)
    assert np.array_equal(generate(model, theirs[:, :-NEW], NEW, temperature=0, stop=()), theirs)


@cases
def test_saved_and_loaded_is_the_same(name, tmp_path):
    """The same model, and the same settings wherever transformers' file has them too."""
    write(name, tmp_path)
    model = load_llama(tmp_path)
    save_llama(model, tmp_path / "a", "bfloat16")
    again, tokens = load_llama(tmp_path / "a"), expected(name)["tokens"]
    assert again.config == model.config and np.array_equal(again(tokens), model(tokens))
    mine, theirs = (json.loads((d / "config.json").read_text()) for d in (tmp_path / "a", tmp_path))
    rope = {"rope_type": "default"} | mine.pop("rope_scaling", {})
    theirs["rope_parameters"] = {
        k: v for k, v in theirs["rope_parameters"].items() if v is not None
    }
    assert rope | {"rope_theta": mine["rope_theta"]} == theirs["rope_parameters"] | rope
    differ = {key for key in mine.keys() & theirs.keys() if mine[key] != theirs[key]}
    assert differ <= {"dtype", "max_window_layers", "bos_token_id", "eos_token_id"}


@cases
def test_in_four_bits_and_with_adapters(name, tmp_path):
    """QLoRA learns on it, an adapter comes back, and rounding as it is read is rounding after."""
    write(name, tmp_path)
    base, tokens = load_llama(tmp_path), expected(name)["tokens"]
    model = moved(LoRA(2, 3.0, "all-linear").apply(base, np.random.default_rng(0)))
    save_adapter(model, tmp_path / "adapter")
    assert np.array_equal(load_adapter(base, tmp_path / "adapter")(tokens), model(tokens))
    at_once = load_llama(tmp_path, nf4=True)
    quantized = QLoRA(2, 3.0, "all-linear", double_quant=True).apply(base, np.random.default_rng(0))
    assert gap(at_once(tokens), quantized(tokens)) < 0.5  # the embeddings are in 32 bits there
    assert {type(layer).__name__ for _, layer in at_once.linears()} == {"NF4Linear"}
    logits, cache = quantized.forward(tokens)
    quantized.backward(logits, cache)
    assert all(p.grad is not None for p in quantized.trainable_parameters())


EVERY = [
    LoRA(2, 3.0, "all-linear", dropout=0.2),
    DoRA(2, 3.0, "all-linear"),
    TinyLoRA(3),
    IA3(("k_proj", "v_proj"), ("down_proj",)),
    BottleneckAdapters(3),
    BitFit(),
    HeadTuning(),
    PrefixTuning(2),
    PromptTuning(2),
]


@pytest.mark.parametrize("method", EVERY, ids=lambda method: type(method).__name__)
def test_every_method_on_all_options(method, tmp_path):
    """Its gradients along a direction are those of differences, and its file comes back."""
    options = {"model_type": "qwen3", "attention_bias": True, "sliding_window": 2}
    options |= {"attention_dropout": 0.3}
    base = small_llama(LlamaConfig(7, 6, 5, 2, 2, 1, 4, 32, **options))
    model = moved(method.apply(base, np.random.default_rng(0)))
    if not isinstance(method, DoRA):  # whose norm counts as constant
        assert max(check_directional(model, some_tokens(B=2), dropout=True).values()) <= 1e-6
    save_adapter(model, tmp_path)
    assert np.array_equal(load_adapter(base, tmp_path)(some_tokens()), model(some_tokens()))


OPTIONS = {
    "biases": {"attention_bias": True, "mlp_bias": True},
    "window": {"model_type": "mistral", "sliding_window": 2},
    "qwen2": {"model_type": "qwen2", "rope_scaling": rotary.YarnScaling(4.0, 8)},
    "qwen3": {"model_type": "qwen3", "rope_scaling": rotary.DynamicScaling(3.0)},
}


@pytest.mark.parametrize("options", OPTIONS)
def test_gradients(options):
    config = LlamaConfig(7, 6, 5, 1, 2, 1, 4, 4 if options == "qwen3" else 8, **OPTIONS[options])
    assert max(check_gradients(small_llama(config), some_tokens(B=2)).values()) <= 1e-7


def test_a_files_attention_dropout_is_that_of_training(tmp_path):
    """On the attention weights and nothing else, and only with an rng; a save keeps it."""
    write("qwen2", tmp_path)
    plain, path = load_llama(tmp_path), tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"attention_dropout": 0.5}))
    model, tokens = load_llama(tmp_path), some_tokens()
    assert model.config.attention_dropout == 0.5
    assert np.array_equal(model(tokens), plain(tokens))
    x = np.random.default_rng(0).standard_normal((1, 6, 8)).astype(np.float32)
    attention, rng = model.layers[0].self_attn, np.random.default_rng
    cache = attention.forward(x, rng=rng(0))[1][3]
    assert np.array_equal(np.unique(cache[-1]), [0, 2])  # what is kept counts 1/(1 - 0.5)
    assert np.array_equal(plain(tokens), plain.forward(tokens, rng=rng(0))[0])
    assert not np.array_equal(model(tokens), model.forward(tokens, rng=rng(0))[0])
    save_llama(model, tmp_path / "again")
    assert load_llama(tmp_path / "again").config == model.config


def test_a_window_ends_where_it_says():
    mask = causal_mask(3, 2, np.float32, window=2)
    assert (mask == 0).astype(int).tolist() == [[0, 1, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1]]
    assert np.array_equal(causal_mask(3, 2, np.float32, 5), causal_mask(3, 2, np.float32))


GGUFS = ["linear", "llama3", "yarn", "biases", "qwen2", "qwen3"]


@pytest.mark.extra("gguf")
@pytest.mark.parametrize("name", GGUFS)
def test_from_gguf(name, tmp_path):
    """As llama.cpp's conversion writes it: Llama 3's scaling as `rope_freqs`, q and k turned."""
    write(name, tmp_path)
    model, tokens = load_llama(tmp_path), expected(name)["tokens"]
    write_gguf(tmp_path / "model.gguf", model, quantize=None)
    loaded = load_llama(tmp_path / "model.gguf")
    assert loaded.config.model_type == model.config.model_type
    assert gap(loaded(tokens), model(tokens)) <= 5e-6
    if name == "llama3":  # in Hugging Face's form its factors are longrope's
        save_llama(loaded, tmp_path / "again")
        assert np.array_equal(load_llama(tmp_path / "again")(tokens), loaded(tokens))


def refused(name, changes, message, directory):
    write(name, directory)
    settings = json.loads((directory / "config.json").read_text()) | changes
    (directory / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ValueError, match=message):
        load_llama(directory)


ROPE = {"rope_type": "linear", "factor": 4.0, "rope_theta": 50.0}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("linear", {"rope_scaling": ROPE | {"low_freq_factor": 1}}, "low_freq_factor 1 .unknown"),
        ("linear", {"rope_scaling": ROPE | {"factor": None}}, "'linear' needs a factor"),
        ("linear", {"rope_scaling": ROPE | {"factor": -1}}, "expected factor above 0, .* got -1"),
        ("linear", {"rope_scaling": ROPE | {"type": "yarn"}}, "rope_scaling.type 'yarn' .expected"),
        (
            "linear",
            {"rope_scaling": {"rope_type": "mrope"}},
            "rope_type 'mrope' .expected 'default",
        ),
        ("yarn", {"original_max_position_embeddings": 7}, "original_max_position_embeddings 7"),
        ("longrope", {"head_dim": 4}, "expected 2 factors in rope_scaling"),
        ("mistral", {"attention_bias": True}, "attention_bias True .expected False"),
        ("mistral", {"layer_types": ["full_attention"] * 2}, "sliding_window 4 has not"),
        ("mistral", {"sliding_window": 0}, "sliding_window from 1, a whole number, got 0"),
        ("qwen2", {"layer_types": ["sliding_attention"] * 2}, "expected a sliding_window"),
        ("qwen2", {"layer_types": ["linear_attention"] * 2}, "layer_types, 2 of full_attention"),
        ("qwen2", {"use_sliding_window": 3}, "use_sliding_window 3 .expected False or True"),
        ("qwen3", {"model_type": "qwen3_moe"}, "model_type 'qwen3_moe' .expected 'llama' or"),
        ("qwen3", {"model_type": "qwen2"}, "unexpected: .*k_norm.weight"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(name, changes, message, tmp_path):
    refused(name, changes, message, tmp_path)


def test_a_mistral_without_a_window_stays_a_mistral(tmp_path):
    write("mistral", tmp_path)
    model = load_llama(tmp_path)
    wide = dataclasses.replace(model.config, sliding_window=None)
    assert wide.window(0) is None and model.config.window(1) == 4
    save_llama(model, tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text()) | {"sliding_window": None}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert load_llama(tmp_path).config == wide
    with pytest.raises(
        (ValueError, ImportError), match="not there|no such|no tokenizer|`tokenizers`"
    ):
        load_model(tmp_path)  # known by its kind; it only lacks a tokenizer, or the library for one


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model_type": "gemma"}, "model_type llama or mistral or .* got 'gemma'"),
        ({"model_type": "mistral", "mlp_bias": True}, "a mistral has no mlp_bias, got True"),
        ({"sliding_window": 4}, "a llama has no sliding_window, got 4"),
        ({"attention_bias": 1}, "attention_bias to be True or False, got 1"),
        ({"rope_scaling": {"factor": 2}}, "rope_scaling to be None or one of nn.rotary's"),
    ],
)
def test_options_that_no_such_model_has(options, message):
    with pytest.raises(ValueError, match=message):
        LlamaConfig(**options)
