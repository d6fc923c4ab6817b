"""Begin, end, padding and chat templates are kept: saved and loaded, a model states the same."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.loader_cases import KINDS
from helpers.gguf_files import write_gguf
from helpers.llamas import small_llama
from helpers.tokenizer_files import LETTERS, MARKS, SPECIAL, write_llama
from lora_np import load_gpt2
from lora_np.checkpoint import load_llama, load_model, load_tokenizer, save_model
from lora_np.nn import LlamaConfig
from lora_np.tokenizers.byte import END, ByteTokenizer
from lora_np.tokenizers.special_tokens import SpecialTokens, prompt_tokens

needs_tokenizers = pytest.mark.extra("tokenizers")
needs_gguf = pytest.mark.extra("gguf")
ids = st.none() | st.integers(0, 10)
several = st.lists(st.integers(0, 10), unique=True, max_size=3).map(tuple)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(bos=ids, eos=several, pad=ids)
def test_saved_and_loaded_they_are_the_same(kind, bos, eos, pad, tmp_path):
    """Also where the folder held others before."""
    model = kind.model(True)
    model.special_tokens = SpecialTokens(bos, eos, pad)
    kind.save(model, tmp_path)
    assert kind.load(tmp_path).special_tokens == model.special_tokens
    stated = [bos, pad, *eos] != [None, None]
    assert (tmp_path / "generation_config.json").exists() == stated
    config = json.loads((tmp_path / "config.json").read_text())
    both = [config]
    if stated:
        both.append(json.loads((tmp_path / "generation_config.json").read_text()))
    for said in both:  # one end alone is a number there, as in transformers' own files
        assert said["eos_token_id"] == ({0: None, 1: eos[0] if eos else 0}.get(len(eos), [*eos]))
        assert said["bos_token_id"] == bos and said.get("pad_token_id") == pad


marks = st.sampled_from([None, *(LETTERS[i] for i in SPECIAL)])
flag = st.sampled_from([None, True, False])
templates = st.none() | st.text("{}% \n\u00e9a", max_size=8)
templates |= st.lists(st.sampled_from(["default", "tool_use", "rag"]), unique=True).map(
    lambda names: [{"name": name, "template": f"{name} {{# #}}"} for name in names]
)


@needs_tokenizers
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(bos=marks, eos=marks, pad=marks, begin=flag, end=flag, template=templates, many=several)
def test_a_whole_model_saved_and_loaded_states_the_same(
    bos, eos, pad, begin, end, template, many, tmp_path
):
    """Through load_model and save_model, with what else tokenizer_config.json says."""
    said = {"bos_token": bos, "eos_token": eos, "pad_token": pad, "model_max_length": 9}
    said |= {"add_bos_token": begin if bos else None, "add_eos_token": end if eos else None}
    said["chat_template"] = template
    (tmp_path / "a" / "chat_template.jinja").unlink(missing_ok=True)
    config = {"eos_token_id": [*many] or None}
    source = write_llama(tmp_path / "a", tokenizer_config=said, config=config)
    model, tokenizer = load_model(source)
    assert model.special_tokens == tokenizer.special_tokens
    save_model(model, tokenizer, tmp_path / "b")
    again, other = load_model(tmp_path / "b")
    assert other.special_tokens == tokenizer.special_tokens == again.special_tokens
    assert other.settings["model_max_length"] == 9 and other.end == tokenizer.end
    assert other.encode("abc").tolist() == tokenizer.encode("abc").tolist()


@needs_tokenizers
def test_a_templates_own_file_counts_before_the_settings(tmp_path):
    said = {"chat_template": "from the settings"}
    write_llama(tmp_path / "a", tokenizer_config=said, template="from its file é")
    model, tokenizer = load_model(tmp_path / "a")
    assert tokenizer.special_tokens.chat_template == "from its file é"
    write_llama(tmp_path / "b", tokenizer_config={}, template="old", special_tokens_map=MARKS)
    save_model(model, tokenizer, tmp_path / "b")
    assert load_model(tmp_path / "b")[1].special_tokens == tokenizer.special_tokens
    (tmp_path / "a" / "chat_template.jinja").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="chat_template.jinja: expected UTF-8"):
        load_tokenizer(tmp_path / "a")


@needs_tokenizers
@needs_gguf
@pytest.mark.parametrize(
    ("said", "eos", "end", "encoded"),
    [
        ({}, (), 0, [4, 5]),
        ({"eos_token_id": 1, "bos_token_id": 0}, (1,), 1, [4, 5]),
        ({"eos_token_id": 1, "eot_token_id": 3, "padding_token_id": 0}, (1, 3), 1, [4, 5]),
        ({"eos_token_id": 1, "bos_token_id": 0, "add_bos_token": True}, (1,), 1, [0, 4, 5]),
        ({"eos_token_id": 1, "chat_template": "{{ 1 }}"}, (1,), 0, [4, 5]),
    ],
)
def test_a_gguf_states_them_and_a_saved_directory_keeps_them(said, eos, end, encoded, tmp_path):
    config = LlamaConfig(7, 32, 32, 1, 2, max_position_embeddings=16)
    write_gguf(tmp_path / "m.gguf", small_llama(config, np.float32), None, tokenizer=said)
    model, tokenizer = load_model(tmp_path / "m.gguf")
    tokens = tokenizer.special_tokens
    assert load_llama(tmp_path / "m.gguf").special_tokens.ids() == tokens.ids()
    assert (tokens.eos_token_id, tokenizer.end) == (eos, end)
    assert tokens.pad_token_id == said.get("padding_token_id")
    assert tokenizer.encode("ab1").tolist() == encoded
    save_model(model, tokenizer, tmp_path / "saved")
    again, other = load_model(tmp_path / "saved")
    assert other.special_tokens == tokens == again.special_tokens and other.end == end
    assert other.encode("ab1").tolist() == encoded


@needs_gguf
@needs_tokenizers
def test_a_gguf_may_not_name_a_token_that_is_none(tmp_path):
    config = LlamaConfig(7, 32, 32, 1, 2, max_position_embeddings=16)
    model = small_llama(config, np.float32)
    write_gguf(tmp_path / "m.gguf", model, None, tokenizer={"eos_token_id": 7})
    for load in (load_llama, load_tokenizer):
        with pytest.raises(ValueError, match="expected tokenizer.ggml.eos_token_id to be a token"):
            load(tmp_path / "m.gguf")


def test_the_base_of_bytes_ends_with_end_and_keeps_it(tmp_path):
    model, tokenizer = load_model()
    assert model.special_tokens == tokenizer.special_tokens == ByteTokenizer.special_tokens
    save_model(model, tokenizer, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["eos_token_id"] == config["bos_token_id"] == END
    assert load_gpt2(tmp_path).special_tokens == ByteTokenizer.special_tokens
    assert prompt_tokens(ByteTokenizer, "a") == [END, 97] and ByteTokenizer.encode("a") == [97]
