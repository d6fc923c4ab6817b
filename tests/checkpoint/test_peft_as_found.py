"""Adapters as people have them: PEFT's configuration guides, and the tensors' names decide."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.adapters import CONFIG, WEIGHTS, edit_config
from helpers.llamas import ATTENTION, small_llama
from helpers.models import moved, some_tokens
from helpers.safetensors_files import load_file, save_file
from lora_np.checkpoint import load_adapter, load_llama, save_adapter
from lora_np.methods import IA3, AdaLoRA, DoRA, HeadTuning, LoRA, merge

RNG, TOKENS = np.random.default_rng, some_tokens()
HF_LLAMA = Path(__file__).parent.parent / "golden" / "data" / "hf_llama"


def rename(directory, change):
    tensors = {change(name): array for name, array in load_file(directory / WEIGHTS).items()}
    save_file(tensors, directory / WEIGHTS)


def pefts_matches(names, model_names):
    """The modules that PEFT 0.21 puts in `modules_to_save`: utils/other.py, _set_trainable."""
    return {key for key in model_names if any(key.endswith(name) for name in names)}


def test_a_saved_norm_is_not_every_norm_to_peft(tmp_path):
    """`norm` would have been input_layernorm too, whose numbers the file has not."""
    base = small_llama(dtype=np.float32)
    model = LoRA(2, 3.0, ATTENTION).apply(base, RNG(0))
    model.norm.weight.train()
    moved(model)
    save_adapter(model, tmp_path)
    saved = json.loads((tmp_path / CONFIG).read_text())["modules_to_save"]
    modules = {"model." + name for name, _ in base.named_modules()}
    assert pefts_matches(saved, modules) == {"model.norm"}
    assert np.array_equal(load_adapter(base, tmp_path)(TOKENS), model(TOKENS))
    edit_config(tmp_path, modules_to_save=["norm"])  # as this library wrote it once
    assert np.array_equal(load_adapter(base, tmp_path)(TOKENS), model(TOKENS))


def test_what_peft_saved_by_the_end_of_a_word_must_be_whole(tmp_path):
    """Its `norm` is all three kinds of norm: without one of them the file is damaged."""
    source, base = HF_LLAMA / "adapter_whole_modules", load_llama(HF_LLAMA / "grouped")
    (tmp_path / CONFIG).write_bytes((source / CONFIG).read_bytes())
    tensors = load_file(source / WEIGHTS)
    del tensors["base_model.model.model.layers.1.input_layernorm.weight"]
    save_file(tensors, tmp_path / WEIGHTS)
    with pytest.raises(ValueError, match="missing: layers.1.input_layernorm.weight"):
        load_adapter(base, tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"target_modules": ["c_attn", "q_proj", "score"]},
        {"target_modules": ["transformer.h.0.attn.c_attn", "h.1.attn.c_attn", "model.q_proj"]},
        {"modules_to_save": ["norm", "classifier"]},
        {"target_modules": ["c_attn", "c_fc"], "exclude_modules": ["c_fc"]},
        {"target_modules": "all-linear", "exclude_modules": "(?!.*c_attn).*"},
        {"rank_pattern": {"c_fc": 4}, "alpha_pattern": {"(a|b)": 4}},
        {"layers_to_transform": [], "init_lora_weights": "eva", "eva_config": {"rho": 2.0}},
    ],
)
def test_names_that_this_model_has_not(base, directory, changes):
    expected = load_adapter(base, directory)(TOKENS)
    edit_config(directory, **changes)
    assert np.array_equal(load_adapter(base, directory)(TOKENS), expected)


def test_names_for_ia3_that_this_model_has_not(base, tmp_path):
    model = moved(IA3().apply(base, RNG(0)))
    save_adapter(model, tmp_path)
    more = {"target_modules": ["c_attn", "k_proj", "mlp.c_proj", "down_proj"]}
    edit_config(tmp_path, **more, feedforward_modules=["mlp.c_proj", "down_proj"])
    loaded = load_adapter(base, tmp_path)
    assert np.array_equal(loaded(TOKENS), model(TOKENS)) and loaded.methods == (IA3(),)


def test_a_head_by_the_end_of_its_name(base, tmp_path):
    model = moved(HeadTuning().apply(LoRA(2, 3.0).apply(base, RNG(0)), RNG(0)))
    save_adapter(model, tmp_path)
    edit_config(tmp_path, modules_to_save=["head"])
    assert np.array_equal(load_adapter(base, tmp_path)(TOKENS), model(TOKENS))


@pytest.mark.parametrize("method", [LoRA(2, 3.0), DoRA(2, 3.0), IA3()], ids=lambda m: m.name)
def test_names_with_the_adapters_own_in_them(base, tmp_path, method):
    """Whoever saved the whole state dict has `.default` in every name, and `.modules_to_save`."""
    model = method.apply(HeadTuning().apply(base, RNG(0)), RNG(0))
    save_adapter(moved(model), tmp_path)

    def raw(name):
        if name.endswith("lm_head.weight"):
            return name.replace("lm_head", "lm_head.modules_to_save.default")
        if name.endswith("lora_magnitude_vector"):
            return name + ".default.weight"
        return name + ".default" if name.endswith("ia3_l") else name.replace("_A", "_A.default")

    rename(tmp_path, raw)
    assert np.array_equal(load_adapter(base, tmp_path)(TOKENS), model(TOKENS))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["adapter_model.bin"], "adapter_model.bin is a pickle, which can run code .* save_pretr"),
        (["adapters.safetensors"], "adapters.safetensors is in mlx-lm's form, and the settings"),
        (["adapters.npz"], "adapters.npz is in mlx-lm's old form"),
        (
            ["adapter_model-00001-of-00002.safetensors", "adapter_model.safetensors.index.json"],
            "adapter_model-00001-of-00002.safetensors is one of several shards",
        ),
        (["a.gguf", "b.gguf"], "a.gguf is in llama.cpp's form, and not alone"),
        ([], "it holds adapter_config.json"),
    ],
)
def test_numbers_in_another_form_are_named(base, directory, files, message):
    (directory / WEIGHTS).unlink()
    for name in files:
        (directory / name).write_bytes(b"")
    with pytest.raises(ValueError, match=f"no adapter_model.safetensors in .*: {message}"):
        load_adapter(base, directory)


METHODS = [LoRA(2, 3.0), DoRA(2, 3.0, "all-linear"), IA3()]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_the_wrong_base_is_said_first_and_briefly(method, base, tmp_path):
    save_adapter(method.apply(base, RNG(0)), tmp_path, "some/gpt")
    with pytest.raises(ValueError) as caught:
        load_adapter(small_llama(dtype=np.float32), tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} was trained on a GPT-2 ('some/gpt'), and this is a Llama; "
        "did you mean another --base, or none?"
    )


def test_a_llamas_adapter_on_a_gpt2(base, tmp_path):
    big = small_llama(dtype=np.float32)
    save_adapter(LoRA(2, 3.0, "all-linear").apply(big, RNG(0)), tmp_path)
    with pytest.raises(ValueError) as caught:
        load_adapter(base, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} was trained on a Llama, and this is a GPT-2; did you mean --base smollm2?"
    )


def test_a_base_of_other_sizes_is_a_short_error_too(tmp_path):
    base = load_llama(HF_LLAMA / "grouped")
    save_adapter(LoRA(2, 3.0, "all-linear").apply(base, RNG(0)), tmp_path, "hub/grouped")
    with pytest.raises(ValueError) as caught:
        load_adapter(small_llama(dtype=np.float32), tmp_path)
    message = str(caught.value).replace(str(tmp_path), "adapter")
    assert message.startswith("adapter ('hub/grouped'): of another shape: layers.0.self_attn.")
    assert "more" in message and len(message) < 500


def test_numbers_that_are_not_finite_are_not_saved(base, directory):
    """They could not be read again."""
    before = (directory / WEIGHTS).read_bytes()
    model = load_adapter(base, directory)
    model.h[1].attn.c_attn.B.data[0, 0] = np.nan
    with pytest.raises(ValueError, match="h.1.attn.c_attn.lora_B.weight is not finite in float32"):
        save_adapter(model, directory)
    assert (directory / WEIGHTS).read_bytes() == before


def test_a_layer_of_which_adalora_left_nothing(tmp_path):
    """PEFT writes its factors with no rows at all: the layer is its base's, and learns no more."""
    base, rank = small_llama(dtype=np.float32), 3
    model = moved(AdaLoRA(rank, targets=ATTENTION).apply(base, RNG(0)))
    name = "layers.1.self_attn.q_proj"
    dict(model.linears())[name].E.data[...] = 0
    save_adapter(model, tmp_path)
    tensors = load_file(tmp_path / WEIGHTS)
    for part, axis in (("lora_A", 0), ("lora_B", 1), ("lora_E", 0)):
        key = f"base_model.model.model.{name}.{part}"
        tensors[key] = tensors[key].take([], axis)
    save_file(tensors, tmp_path / WEIGHTS)
    config = json.loads((tmp_path / CONFIG).read_text())
    pattern = {f"model.{name}.lora_E": [False] * rank}
    (tmp_path / CONFIG).write_text(json.dumps(config | {"rank_pattern": pattern}))
    loaded = load_adapter(base, tmp_path)
    assert np.allclose(loaded(TOKENS), model(TOKENS), atol=1e-6)
    assert np.allclose(merge(loaded)(TOKENS), model(TOKENS), atol=1e-5)
    save_adapter(loaded, tmp_path / "again")
    again = load_file(tmp_path / "again" / WEIGHTS)
    assert {key: array.tobytes() for key, array in again.items()} == {
        key: array.tobytes() for key, array in tensors.items()
    }
    assert json.loads((tmp_path / "again" / CONFIG).read_text())["rank_pattern"] == pattern


@pytest.mark.parametrize("rank", [5, 2**31, 2**62])
@pytest.mark.parametrize("pattern", [None, {}, {"a.lora_E": [True, False, True]}, {"a": 3}, [3]])
def test_adalora_takes_no_rank_that_no_list_bears_out(tmp_path, rank, pattern):
    """A list as long as init_r would fill the memory where a number alone had said so."""
    base = small_llama(dtype=np.float32)
    save_adapter(AdaLoRA(3, targets=ATTENTION).apply(base, RNG(0)), tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    changed = config | {"init_r": rank, "rank_pattern": pattern}
    (tmp_path / CONFIG).write_text(json.dumps(changed))
    with pytest.raises(ValueError, match=f"init_r.*{rank}"):
        load_adapter(base, tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"target_modules": r".*\.[qv]_proj"},
        {"layers_to_transform": [0, 1]},
        {"layers_to_transform": 1},
        {"target_modules": r"model\.layers\.1\..*(q|v)_proj"},
    ],
)
@pytest.mark.parametrize("method", [LoRA(2, 3.0, ATTENTION), AdaLoRA(2, targets=ATTENTION)])
def test_half_an_adapter_is_none(changes, method, tmp_path):
    """Also where a pattern or numbers of blocks say which layers are adapted."""
    base = small_llama(dtype=np.float32)
    model = moved(method.apply(base, RNG(0)))
    save_adapter(model, tmp_path)
    edit_config(tmp_path, **changes)
    tensors = load_file(tmp_path / WEIGHTS)
    if "1" in str(changes) and "0" not in str(changes):  # the second block alone
        tensors = {name: array for name, array in tensors.items() if ".layers.1." in name}
    save_file(tensors, tmp_path / WEIGHTS)
    load_adapter(base, tmp_path)
    less = {name: array for name, array in tensors.items() if ".1.self_attn.v_proj." not in name}
    save_file(less, tmp_path / WEIGHTS)
    with pytest.raises(ValueError, match="has nothing of layers.1.self_attn.v_proj, which target"):
        load_adapter(base, tmp_path)
