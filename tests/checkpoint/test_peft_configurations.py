"""Configurations that PEFT writes: each loads, computes the same, and is written again bit for bit.

tests/reports/report_adapters.py prints the table, with what PEFT makes of what is written here.
"""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.readers.adapters import (
    ABOUT,
    ARRAYS,
    BASES,
    CASES,
    gap,
    load_base,
    tensors_of,
    write,
    write_base,
)
from helpers.adapters import CONFIG, WEIGHTS
from helpers.llamas import small_llama
from helpers.safetensors_files import load_file, save_file
from lora_np.analysis.adapter_files import read_adapter_files
from lora_np.analysis.advice import NOTE
from lora_np.analysis.doctor import examine
from lora_np.checkpoint import load_adapter, save_adapter
from lora_np.checkpoint.peft.targets import resolved, there
from lora_np.methods import merge
from lora_np.methods.targets import of_layer

RNG, BODY = np.random.default_rng, "base_model.model.model."
TOLD = """peft_type r lora_alpha use_rslora use_dora bias task_type lora_bias token_indices
    ensure_weight_tying""".split()


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    result = {}
    for name in BASES:
        directory = tmp_path_factory.mktemp("base")
        write_base(name, directory)
        result[name] = load_base(name, directory)
    return result


def loaded(name, bases, directory):
    write(name, directory)
    return load_adapter(bases[CASES[name][0]], directory)


@pytest.mark.parametrize("name", CASES)
def test_what_peft_wrote(name, bases, tmp_path):
    """Its logits, merged too; the same names and bytes again; and that loads as the same."""
    base = bases[CASES[name][0]]
    before = {key: p.data.tobytes() for key, p in base.named_parameters()}
    model = loaded(name, bases, tmp_path / "theirs")
    tokens, logits = ARRAYS[f"{name}/tokens"].astype(int), model(ARRAYS[f"{name}/tokens"])
    assert gap(logits, ARRAYS[f"{name}/logits"]) < 2e-5
    assert gap(merge(model)(tokens), logits) < 2e-5
    save_adapter(model, tmp_path / "ours")
    ours, theirs = load_file(tmp_path / "ours" / WEIGHTS), tensors_of(name)
    assert ours.keys() == theirs.keys()
    assert all(ours[key].tobytes() == theirs[key].tobytes() for key in ours)
    config, wanted = json.loads((tmp_path / "ours" / CONFIG).read_text()), ABOUT[name]["config"]
    assert all(config[key] == wanted[key] for key in TOLD if key in wanted)
    again = load_adapter(base, tmp_path / "ours")
    assert np.array_equal(again(tokens), logits)
    assert learnt(again) == learnt(model) and again.methods[-1] == model.methods[-1]
    assert before == {key: p.data.tobytes() for key, p in base.named_parameters()}


@pytest.mark.parametrize("name", CASES)
def test_no_number_is_read_before_it_is_written(name, bases, tmp_path, monkeypatch):
    """Room for numbers may hold any: here infinite ones, whose mean would be a warning."""
    room = np.empty

    def infinite(*shape_and_dtype, **options):
        array = room(*shape_and_dtype, **options)
        if array.dtype.kind == "f":
            array[::2], array[1::2] = np.inf, -np.inf
        return array

    monkeypatch.setattr(np, "empty", infinite)
    loaded(name, bases, tmp_path)


def learnt(model):
    return {name: p.data.tobytes() for name, p in model.named_parameters() if p.trainable}


def test_the_doctor_finds_nothing_wrong_with_them(bases, tmp_path):
    """But that numbers drawn at random are large."""
    for i, (name, (base, *_)) in enumerate(CASES.items()):
        write(name, tmp_path / str(i))
        files = read_adapter_files(tmp_path / str(i))
        for model in (bases[base], None):
            found = [x for x in examine(files, model)["findings"] if x["level"] != NOTE]
            assert {x["code"] for x in found} <= {"scale", "merge", "intruders"}, (name, found)


def test_patterns_in_settings(bases, tmp_path):
    """Plain names stay; a regular expression is written as the layers that it is."""
    [plain] = loaded("both patterns, rslora", bases, tmp_path / "a").methods
    assert plain.rank_pattern == {"v_proj": 1, "0.self_attn.q_proj": 3}
    assert plain.alpha_pattern == {"o_proj": 2, "v_proj": 5}
    [drawn] = loaded("rank_pattern, regular expressions", bases, tmp_path / "b").methods
    assert drawn.rank_pattern == {
        "layers.0.self_attn.v_proj": 1,
        "layers.1.self_attn.v_proj": 1,
        "layers.2.self_attn.q_proj": 4,
        "layers.2.self_attn.v_proj": 4,
    }


FULL = "model.layers.0.self_attn.q_proj"
KEYS = ["q_proj", "^q_proj", FULL, f"^{FULL}", "0.self_attn.q_proj", "model.q_proj", "[qv]_proj"]
KEYS += ["^model.*v_proj", "v_proj$", "model.norm"]


@settings(max_examples=40)
@given(st.lists(st.sampled_from(KEYS), min_size=1, unique=True))
def test_a_pattern_counts_where_peft_finds_it(keys):
    """The first that fits a layer's full name, from its beginning where it asks for that."""
    model = small_llama()
    layers = [name for name, _ in model.linears() if name.endswith(("q_proj", "v_proj"))]
    pattern = {key: i for i, key in enumerate(keys)}
    found = resolved("alpha_pattern", {"alpha_pattern": pattern}, layers, model)
    for name in layers:
        fits = (i for key, i in pattern.items() if re.match(rf"(.*\.)?({key})$", f"model.{name}"))
        assert of_layer(found, name, None) == next(fits, None), name


def test_a_pattern_or_target_of_another_beginning():
    """^layers.0 is of a body without a head: the file does not say which of the two it was."""
    model, said = small_llama(), {"alpha_pattern": {"^layers.0.self_attn.q_proj": 4}}
    layers = ["layers.0.self_attn.q_proj"]
    with pytest.raises(ValueError, match=r"alpha_pattern: '\^layers.* without 'model.' before"):
        resolved("alpha_pattern", said, layers, model)
    assert there([FULL, "q_proj", "model.v_proj"], model) == (*layers, "q_proj")


def test_names_with_the_adapters_own_in_them(bases, tmp_path):
    """As the whole state dict has them, for what is no linear layer either."""
    for name in ("embeddings", "tokens", "modules_to_save: both, kept tied", "lora_bias"):
        model = loaded(name, bases, tmp_path)
        tensors = load_file(tmp_path / WEIGHTS)
        plain = list(tensors)
        for key in plain:
            parts = key.split(".")
            if parts[-1].startswith(("lora_embedding", "trainable")):
                tensors[f"{key}.default"] = tensors.pop(key)
            elif parts[-2] in ("lora_A", "lora_B"):
                tensors[".".join([*parts[:-1], "default", parts[-1]])] = tensors.pop(key)
            elif parts[-2] in ("embed_tokens", "lm_head"):
                full = [*parts[:-1], "modules_to_save", "default", parts[-1]]
                tensors[".".join(full)] = tensors.pop(key)
        assert {key for key in plain if key in tensors} <= {f"{BODY}embed_tokens.base_layer.weight"}
        save_file(tensors, tmp_path / WEIGHTS)
        tokens = ARRAYS[f"{name}/tokens"].astype(int)
        assert np.array_equal(load_adapter(bases[CASES[name][0]], tmp_path)(tokens), model(tokens))


def test_tables_of_another_number_of_tokens(bases, tmp_path):
    name = "new tokens, both tables saved"
    assert loaded(name, bases, tmp_path).config.vocab_size == 13
    tensors = load_file(tmp_path / WEIGHTS)
    head = tensors.pop("base_model.model.lm_head.weight")
    save_file(tensors, tmp_path / WEIGHTS)
    with pytest.raises(ValueError, match="tables of 11 tokens, or both of another number, got"):
        load_adapter(bases["untied"], tmp_path)
    save_file(tensors | {"base_model.model.lm_head.weight": head[:12]}, tmp_path / WEIGHTS)
    with pytest.raises(ValueError, match="tables of 11 tokens, or both of another number, got"):
        load_adapter(bases["untied"], tmp_path)
