"""Llamas from files: Hugging Face's directories and PEFT's adapters as they are, and GGUF."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from llamas import ATTENTION, small_llama
from lora_np.checkpoint import load_adapter, load_llama, load_tokenizer, save_adapter
from lora_np.checkpoint.llama import IN_GGUF
from lora_np.methods import BottleneckAdapters, HeadTuning, LoRA, PrefixTuning
from lora_np.nn import LlamaConfig
from models import moved, some_tokens

HF = Path(__file__).parent.parent / "golden" / "hf_llama"
MODELS = sorted(p.name for p in HF.iterdir() if not p.name.startswith("adapter_"))
ADAPTERS = sorted(p.name for p in HF.iterdir() if p.name.startswith("adapter_"))
RNG = np.random.default_rng
CONFIG = LlamaConfig(
    vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=16, rope_theta=5e4,
)  # fmt: skip


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
    assert config["fan_in_fan_out"] is False and config["peft_type"] == "LORA"


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
        ({"model_type": "mistral"}, "expected model_type 'llama', got 'mistral'"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "rope_parameters .*yarn.* none that this"),
        ({"hidden_act": "gelu"}, r"hidden_act 'gelu' \(expected 'silu'\)"),
        ({"attention_bias": True}, r"attention_bias True \(expected False\)"),
        ({"num_hidden_layers": 10**12}, "20 tensors are too few for 1000000000000 layers"),
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
    with pytest.raises(ValueError, match=message):
        load_llama(tmp_path)


def interleaved(array, hd):
    """GGUF's order of the rows of q and k: those of a pair stand next to each other."""
    return array.reshape(-1, 2, hd // 2, array.shape[1]).swapaxes(1, 2).reshape(array.shape)


def write_gguf(path, model, quantize="Q8_0", **changes):
    """`model` as llama.cpp would write it: its names, its order of q and k, its settings."""
    import gguf

    c = model.config
    writer = gguf.GGUFWriter(path, changes.get("architecture", "llama"))
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(changes.get("layers", c.num_hidden_layers))
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    writer.add_rope_freq_base(c.rope_theta)
    if changes.get("scaled"):
        writer.add_rope_scaling_factor(2.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(changes.get("pre", "smollm"))
    writer.add_token_list(["<|endoftext|>", "<|im_end|>", "a", "b", "ab", "1", "2"])
    writer.add_token_types([3, 3, 1, 1, 1, 1, 1])
    writer.add_token_merges(["a b"])
    whole = {"embed_tokens": "token_embd", "norm": "output_norm"}
    for name, p in model.named_parameters():
        *head, part = name.removesuffix(".weight").split(".", 2)
        theirs = f"blk.{head[1]}.{IN_GGUF[part]}" if head else whole[part]
        array = p.data.T if name.endswith("_proj.weight") else p.data
        if part.endswith(("q_proj", "k_proj")):
            array = interleaved(array, c.head_dim)
        array, kind = np.ascontiguousarray(array), None
        if array.ndim == 2 and quantize:
            kind = gguf.GGMLQuantizationType[quantize]
            array = gguf.quants.quantize(array, kind)
        writer.add_tensor(f"{theirs}.weight", array, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.extra("gguf")
@pytest.mark.extra("tokenizers")
def test_gguf(tmp_path):
    """Exact where nothing is quantized, near where it is; the tokenizer comes with it."""
    model, tokens = small_llama(CONFIG, np.float32), some_tokens(vocab=40)
    write_gguf(tmp_path / "exact.gguf", model, quantize=None)
    loaded = load_llama(tmp_path / "exact.gguf")
    assert dataclasses.asdict(loaded.config) == dataclasses.asdict(CONFIG)
    for (name, mine), theirs in zip(loaded.named_parameters(), model.parameters()):
        assert np.array_equal(mine.data, theirs.data), name
    write_gguf(tmp_path / "small.gguf", model)
    near = load_llama(tmp_path / "small.gguf")(tokens)
    assert 0 < np.abs(near - model(tokens)).max() < 0.2 * np.abs(model(tokens)).max()
    tokenizer = load_tokenizer(tmp_path / "small.gguf")
    assert tokenizer.encode("ab12").tolist() == [4, 5, 6] and tokenizer.end == 0
    assert tokenizer.decode([4, 5, 6]) == "ab12"


@pytest.mark.extra("gguf")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "gpt2"}, "expected the architecture llama, got 'gpt2'"),
        ({"scaled": True}, "its positions are scaled"),
        ({"layers": 3}, "missing: layers.2.input_layernorm.weight"),
        ({"layers": 10**9}, "20 tensors are too few for 1000000000 layers"),
        ({"quantize": "TQ1_0"}, "is in TQ1_0; expected one of F32"),
    ],
)
def test_what_a_gguf_may_not_say(changes, message, tmp_path):
    config = dataclasses.replace(CONFIG, hidden_size=256, intermediate_size=256, head_dim=64)
    model = small_llama(config if "quantize" in changes else CONFIG, np.float32)
    write_gguf(tmp_path / "model.gguf", model, **changes)
    with pytest.raises(ValueError, match=message):
        load_llama(tmp_path / "model.gguf")


@pytest.mark.extra("gguf")
def test_a_gguf_that_is_not_whole(tmp_path):
    path = tmp_path / "model.gguf"
    write_gguf(path, small_llama(CONFIG, np.float32))
    whole = path.read_bytes()
    for size in (0, 3, 5, 100, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="not a (whole )?GGUF file"):
            load_llama(path)
    path.write_bytes(whole.replace(b"blk.1.attn_k", b"blk.1.attn_x"))
    with pytest.raises(ValueError, match="missing: layers.1.self_attn.k_proj.weight .* unexpected"):
        load_llama(path)
    with pytest.raises(ValueError, match="no such file"):
        load_llama(tmp_path / "nowhere.gguf")
