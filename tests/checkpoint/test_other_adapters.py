"""Adapters in llama.cpp's form and in mlx-lm's: what those compute from them is computed here."""

import json
import shutil

import numpy as np
import pytest

from golden.readers.other_adapters import (
    CASES,
    HERE,
    TOKENS,
    adapted,
    as_converted,
    base_of,
    layers_of_rank,
    log_softmax,
)
from helpers.gguf_files import write_gguf_adapter
from helpers.models import moved
from helpers.safetensors_files import load_file
from lora_np.checkpoint import load_adapter, save_adapter
from lora_np.checkpoint.gguf import open_gguf
from lora_np.methods import DoRA, LoRA, QLoRA, quantize_base

EVERY, RNG = "all-linear", np.random.default_rng
in_gguf = pytest.mark.extra("gguf")


def gap(ours, theirs):
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize("name", CASES)
def test_mlx_lms_adapters_compute_the_same_here(name):
    base, theirs = base_of(CASES[name][0]), np.load(HERE / "logits.npz")[name]
    assert gap(load_adapter(base, HERE / name)(TOKENS), theirs) <= 5e-6
    assert gap(base(TOKENS), theirs) > 1e-2


@in_gguf
@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
def test_what_llama_cpps_converter_writes_computes_the_same_here(kind, tmp_path):
    base, theirs = base_of(kind), np.load(HERE / "logits.npz")[f"llama.cpp/{kind}"]
    model = adapted(base)
    as_converted(tmp_path / "theirs.gguf", model)
    for path in (tmp_path / "theirs.gguf", tmp_path):  # the file, or the folder of that one
        loaded = load_adapter(base, path)
        assert np.array_equal(loaded(TOKENS), model(TOKENS))
    assert gap(log_softmax(loaded(TOKENS)[0]), theirs) <= 5e-6
    assert gap(log_softmax(base(TOKENS)[0]), theirs) > 1e-2


@in_gguf
@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_a_written_gguf_is_the_converters(kind, tmp_path):
    """The same settings and the same tensors, by the format's own reader too."""
    import gguf

    model = adapted(base_of(kind))
    save_adapter(model, tmp_path / "a", form="gguf")
    as_converted(tmp_path / "theirs.gguf", model)
    mine, theirs = (
        gguf.GGUFReader(path)
        for path in (tmp_path / "a" / "adapter.gguf", tmp_path / "theirs.gguf")
    )
    said = [{n: f.contents() for n, f in file.fields.items()} for file in (mine, theirs)]
    assert said[0] == said[1]
    tensors = [{t.name: np.array(t.data) for t in file.tensors} for file in (mine, theirs)]
    assert tensors[0].keys() == tensors[1].keys()
    assert all(np.array_equal(array, tensors[1][name]) for name, array in tensors[0].items())


METHODS = [
    LoRA(2, 3.0, ("q_proj", "down_proj")),
    LoRA(3, 0.7, ("layers.1.self_attn.k_proj",), dropout=0.1),
    LoRA(4, 5.0, EVERY, rslora=True),
    QLoRA(2, 3.0, EVERY),
    DoRA(2, 3.0, EVERY),
]


@in_gguf
@pytest.mark.parametrize("form", ["gguf", "mlx"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.name} {method.rank}")
def test_there_and_back(method, form, tmp_path):
    base = base_of("llama")
    model = moved(method.apply(base, RNG(0)))
    base = quantize_base(base) if isinstance(method, QLoRA) else base
    if isinstance(method, DoRA) and form == "gguf":
        with pytest.raises(ValueError, match="llama.cpp's form has no DoRA; `convert"):
            save_adapter(model, tmp_path, form=form)
        return
    save_adapter(model, tmp_path, form=form)
    again = load_adapter(base, tmp_path)
    assert np.array_equal(again(TOKENS), model(TOKENS))
    assert form == "gguf" or again.methods[0].dropout == method.dropout


def test_mlx_lm_reads_what_is_written(tmp_path):
    """It takes a layer's name within a block, for the last blocks, and refuses any other tensor."""
    model = LoRA(2, 3.0, ("layers.1.mlp.up_proj", "layers.1.self_attn.q_proj")).apply(
        base_of("llama"), RNG(0)
    )
    save_adapter(model, tmp_path, "some/base", form="mlx")
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    said = {"rank": 2, "scale": 1.5, "dropout": 0.0, "keys": ["mlp.up_proj", "self_attn.q_proj"]}
    expected = {"fine_tune_type": "lora", "num_layers": 1, "model": "some/base"}
    assert config == expected | {"lora_parameters": said}
    shapes = {n: a.shape for n, a in load_file(tmp_path / "adapters.safetensors").items()}
    assert shapes["model.layers.1.self_attn.q_proj.lora_a"] == (16, 2)
    assert shapes["model.layers.1.mlp.up_proj.lora_b"] == (2, 12) and len(shapes) == 4


@in_gguf
def test_a_form_takes_the_place_of_another(tmp_path):
    """One folder, saved in each form in turn: the last one counts, and only that is read."""
    base = base_of("llama")
    for form in ("peft", "mlx", "peft"):
        model = moved(LoRA(2, 3.0, EVERY).apply(base, RNG(0)), seed=len(form))
        save_adapter(model, tmp_path, form=form)
        assert np.array_equal(load_adapter(base, tmp_path)(TOKENS), model(TOKENS)), form
    with pytest.raises(ValueError, match="expected a form of peft, gguf, mlx, got 'ggml'"):
        save_adapter(model, tmp_path, form="ggml")


@in_gguf
@pytest.mark.parametrize("alpha", [0.0, None])
def test_no_alpha_is_a_scale_of_one(alpha, tmp_path):
    """As llama.cpp has it."""
    base, layers = base_of("llama"), layers_of_rank(3, 3)
    write_gguf_adapter(tmp_path / "a.gguf", layers, base.config, alpha)
    loaded = dict(load_adapter(base, tmp_path / "a.gguf").linears())
    for name, (A, B) in layers.items():
        W = dict(base.linears())[name].weight.data
        assert np.allclose(loaded[name].effective_weight(), W + (B @ A).T, atol=1e-5), name


@in_gguf
@pytest.mark.parametrize("alpha", [4.0, 0.0])
def test_each_pairs_rank_is_its_own(alpha, tmp_path):
    """llama.cpp divides alpha by the rank of each pair, and takes 1 for all where it is 0."""
    base, layers = base_of("llama"), layers_of_rank(2, 4)
    write_gguf_adapter(tmp_path / "a.gguf", layers, base.config, alpha)
    loaded = dict(load_adapter(base, tmp_path / "a.gguf").linears())
    assert [loaded[name].scale for name in layers] == ([2.0, 1.0] if alpha else [1.0, 1.0])
    assert [loaded[name].A.shape[1] for name in layers] == [2, 4]


@in_gguf
@pytest.mark.parametrize("form", ["gguf", "mlx"])
def test_ranks_and_alphas_of_their_own(form, tmp_path):
    """Where the form has one scale for all, B takes the difference; where one rank, zeros do."""
    more = {"rank_pattern": {"q_proj": 3}, "alpha_pattern": {"down_proj": 5.0}}
    base = base_of("llama")
    model = moved(LoRA(2, 3.0, ("q_proj", "down_proj"), **more).apply(base, RNG(0)))
    save_adapter(model, tmp_path, form=form)
    assert gap(load_adapter(base, tmp_path)(TOKENS), model(TOKENS)) <= 1e-6


@in_gguf
@pytest.mark.parametrize("alphas", [{}, {"down_proj": 3.0}, {"q_proj": -3.0}])
@pytest.mark.parametrize("form", ["gguf", "mlx"])
def test_a_scale_of_zero_stays_one(form, alphas, tmp_path):
    """Of all layers or of some, in either order: in llama.cpp's files a zero stands for 1."""
    base = base_of("llama")
    method = LoRA(2, 0.0, ("q_proj", "down_proj"), alpha_pattern=alphas)
    model = moved(method.apply(base, RNG(0)))
    save_adapter(model, tmp_path, form=form)
    assert np.array_equal(load_adapter(base, tmp_path)(TOKENS), model(TOKENS))
    assert np.array_equal(model(TOKENS), base(TOKENS)) == (not alphas)


def test_older_mlx_lms_settings(tmp_path):
    shutil.copytree(HERE / "dora_last_layer", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "adapter_config.json"
    said = json.loads(path.read_text())
    said |= {
        "use_dora": said.pop("fine_tune_type") == "dora",
        "lora_layers": said.pop("num_layers"),
    }
    path.write_text(json.dumps(said))
    base = base_of("llama")
    theirs = load_adapter(base, HERE / "dora_last_layer")
    assert np.array_equal(load_adapter(base, tmp_path)(TOKENS), theirs(TOKENS))


@in_gguf
def test_of_several_files_one_must_be_named(tmp_path):
    base = base_of("llama")
    save_adapter(LoRA(2, 3.0, EVERY).apply(base, RNG(0)), tmp_path, form="gguf")
    shutil.copy(tmp_path / "adapter.gguf", tmp_path / "other.gguf")
    with pytest.raises(ValueError, match="no adapter_config.json in"):
        load_adapter(base, tmp_path)
    assert open_gguf(tmp_path / "other.gguf").tensors
    load_adapter(base, tmp_path / "other.gguf")
