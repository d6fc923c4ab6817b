"""Laws of loading and saving: any model, its head tied or not, by any way of a weight."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.loader_cases import KINDS, LLAMA, WAYS, by_gguf, trained_beside
from golden.readers.golden_hf import GOLDEN
from golden.readers.odd_files import EDITS, GPT, write
from helpers.gguf_files import write_gguf
from helpers.models import some_tokens
from helpers.safetensors_files import load_file, save_file
from lora_np.checkpoint import load_adapter, load_gpt2, load_llama, save_adapter
from lora_np.checkpoint.bitsandbytes import MUST_BE as BNB
from lora_np.checkpoint.hf_directory import disagreements
from lora_np.checkpoint.llama_settings import rope_must_be

TOKENS = some_tokens(vocab=11)
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
either_head = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])


def is_tied(model):
    return model.lm_head.weight is model.wte.weight


@either_head
@pytest.mark.parametrize(
    "kind, way",
    [
        pytest.param(
            kind,
            way,
            id=f"{kind.name}-{way.__name__}",
            marks=[pytest.mark.extra("gguf")] if way is by_gguf else [],
        )
        for kind, way in WAYS
    ],
)
def test_a_weight_means_the_same_by_every_way(kind, way, tied, tmp_path):
    """Each linear layer in turn: as if its numbers had been put into the model by hand."""
    model = kind.model(tied)
    for i, (name, layer) in enumerate(model.linears()):
        weight = np.random.default_rng(i).normal(size=layer.weight.shape).astype(np.float32)
        expected = model.view()
        dict(expected.linears())[name].weight.data = weight
        path = tmp_path / str(i)
        path.mkdir()
        loaded = way(kind, model, name, weight, path)
        assert np.allclose(loaded(TOKENS), expected(TOKENS), atol=1e-4), name
        assert is_tied(loaded) == tied


@kinds
@either_head
def test_a_layer_saved_whole_is_written_as_it_is_read(kind, tied, tmp_path):
    model = kind.model(tied)
    for name, _ in model.linears():
        trained = trained_beside(kind, model, name)
        save_adapter(trained, tmp_path)
        stored = load_file(tmp_path / "adapter_model.safetensors")
        weight = dict(trained.linears())[name].weight.data
        assert np.array_equal(
            stored["base_model.model." + kind.stored_name(name)], kind.in_file(weight)
        )
        assert np.array_equal(load_adapter(model, tmp_path)(TOKENS), trained(TOKENS))


@pytest.mark.parametrize("name", EDITS)
def test_what_transformers_makes_of_it(name, tmp_path):
    """Of heads, masks, frequencies and positions that are not as the settings say."""
    source, _, tied = EDITS[name]
    tokens = write(name, tmp_path)
    model = (load_gpt2 if source == GPT else load_llama)(tmp_path)
    assert np.abs(model(tokens) - np.load(GOLDEN / "odd.npz")[name]).max() < 1e-5
    assert is_tied(model) == tied


@kinds
def test_a_tensor_under_two_names_is_refused(kind, tmp_path):
    """With what stands before the body's names and without: which one counts, nobody could say."""
    kind.save(kind.model(True), tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    name = next(name for name in tensors if name.endswith("proj.weight"))
    tensors[name.removeprefix(kind.body)] = tensors[name] + 1
    save_file(tensors, path)
    with pytest.raises(ValueError, match="are the same|unexpected: h"):
        kind.load(tmp_path)


NESTED = {f"rope_scaling, {kind}": rope_must_be({"type": kind}) for kind in ("linear", "yarn")}
NESTED |= {"rope_parameters": rope_must_be({}), "quantization_config": BNB}


@pytest.mark.parametrize("setting", NESTED)
@given(
    key=st.text("abcdefghij_", min_size=1, max_size=12),
    value=st.one_of(
        st.integers(), st.booleans(), st.text(), st.floats(allow_nan=False), st.just([])
    ),
)
def test_what_is_not_known_in_a_nested_setting_is_refused_by_name(setting, key, value):
    known = NESTED[setting]
    said = {name: values[0] for name, values in known.items() if values}
    must_be = {setting: known}
    assert disagreements({setting: said}, must_be) == []
    assert disagreements({setting: said | {key: None}}, must_be) == []
    if key not in known:
        [wrong] = disagreements({setting: said | {key: value}}, must_be)
        assert wrong == f"{setting}.{key} {value!r} (unknown)"


@pytest.mark.parametrize(
    ("kind", "setting", "value", "named"),
    [
        (LLAMA, "rope_parameters", {"type": "default", "factor": 4}, "factor 4 .unknown"),
        (LLAMA, "rope_parameters", {"type": "ntk"}, "rope_parameters.type .ntk. .expected"),
        (LLAMA, "rope_parameters", {"partial_rotary_factor": 0.5}, "partial_rotary_factor 0.5"),
        (LLAMA, "rope_parameters", {"full_attention": {}}, "full_attention {} .unknown"),
        (LLAMA, "rope_parameters", [], r"rope_parameters \[\] .expected an object"),
        (LLAMA, "rope_scaling", {"type": "dynamic", "factor": 2.0, "alpha": 9}, "alpha 9 .unk"),
        (LLAMA, "rope_scaling", 3, "rope_scaling 3 .expected an object"),
        (LLAMA, "partial_rotary_factor", 0.25, "partial_rotary_factor 0.25"),
        (LLAMA, "quantization_config", {"quant_method": "gptq"}, "quantization_config"),
        (KINDS[0], "quantization_config", {"quant_method": "gptq"}, "quant_method 'gptq'"),
        (KINDS[0], "quantization_config", {"bits": 4}, "quantization_config.bits 4 .unknown"),
        (KINDS[0], "quantization_config", {"load_in_4bit": True}, "no layer is in 4 bits"),
        (KINDS[0], "quantization_config", "nf4", "quantization_config 'nf4' .expected an object"),
    ],
)
def test_settings_that_change_what_is_computed(kind, setting, value, named, tmp_path):
    kind.save(kind.model(True), tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {setting: value}))
    with pytest.raises(ValueError, match=named):
        kind.load(tmp_path)


@pytest.mark.extra("gguf")
@pytest.mark.parametrize("name", ["logit_scale", "attention.sliding_window", "rope.scaling.alpha"])
def test_settings_of_a_gguf_are_refused_by_name(name, tmp_path):
    write_gguf(tmp_path / "model.gguf", LLAMA.model(True), None, extra={f"llama.{name}": 2.0})
    with pytest.raises(ValueError, match=f"llama.{name} 2.0"):
        load_llama(tmp_path / "model.gguf")


@pytest.mark.extra("gguf")
def test_a_gguf_may_say_what_is_so_anyway(tmp_path):
    model = LLAMA.model(True)
    said = {"llama.vocab_size": 11, "llama.rope.dimension_count": 4, "llama.expert_count": 0}
    write_gguf(tmp_path / "model.gguf", model, None, extra=said)
    assert np.array_equal(load_llama(tmp_path / "model.gguf")(TOKENS), model(TOKENS))
    for name in said:
        write_gguf(tmp_path / "model.gguf", model, None, extra=said | {name: 2})
        with pytest.raises(ValueError, match=f"{name} 2"):
            load_llama(tmp_path / "model.gguf")


@kinds
@either_head
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_loaded_and_saved_is_the_same_folder(kind, tied, dtype, tmp_path):
    """Every byte of the weights, and every setting."""
    kind.save(kind.model(tied), tmp_path / "a", dtype)
    model = kind.load(tmp_path / "a", "float64" if dtype == "float64" else "float32")
    kind.save(model, tmp_path / "b", dtype)
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert json.loads((tmp_path / "a" / "config.json").read_text())["dtype"] == dtype
    assert model.config == kind.config and is_tied(model) == tied


ADAPTERS = sorted((GOLDEN / "peft").iterdir()) + sorted((GOLDEN / "hf_llama").glob("adapter_*"))


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda path: path.name)
def test_an_adapter_loaded_and_saved_is_the_same_folder(path, tmp_path):
    base = json.loads((path / "adapter_config.json").read_text())["base_model_name_or_path"]
    gpt = path.parent.name == "peft"
    model = load_gpt2(GOLDEN / "hf" / base) if gpt else load_llama(GOLDEN / "hf_llama" / base)
    save_adapter(load_adapter(model, path), tmp_path / "a", base)
    save_adapter(load_adapter(model, tmp_path / "a"), tmp_path / "b", base)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == base


@kinds
@pytest.mark.parametrize("dtype", [np.int8, "int32", bool, complex, object, "int4", np.uint16])
def test_only_floats_hold_weights(kind, dtype, tmp_path):
    """int8 would make them zeros, one way and the other."""
    kind.save(kind.model(True), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="expected a dtype of float16, bfloat16, float32, float64"):
        kind.save(kind.model(True, seed=1), tmp_path, dtype)
    with pytest.raises(ValueError, match="expected a dtype of float32, float64, got"):
        kind.load(tmp_path, dtype)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}
