"""Begin, end, padding and chat templates: read from every place that states them, and kept.

What transformers makes of each file is written out by hand, from its documentation: it is not
installed where these tests run.
"""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.loader_cases import KINDS
from golden.readers.golden_hf import GOLDEN
from helpers.gguf_files import write_gguf
from helpers.llamas import small_llama
from helpers.tokenizer_files import CONFIG, LETTERS, SPECIAL, TEMPLATE, write_tokenizer
from lora_np import load_gpt2
from lora_np.checkpoint import load_llama, load_model, load_tokenizer, save_llama, save_model
from lora_np.generation import generate
from lora_np.nn import LlamaConfig
from lora_np.tasks import text
from lora_np.tokenizers.byte import END, ByteTokenizer
from lora_np.tokenizers.special_tokens import SpecialTokens, prompt_tokens, stop_tokens

needs_tokenizers = pytest.mark.extra("tokenizers")
needs_gguf = pytest.mark.extra("gguf")
MARKS = {"bos_token": "<s>", "eos_token": "</s>"}


def write_llama(directory, **files):
    """A Llama's whole directory; its config.json with what `config` adds."""
    sizes = {k: v for k, v in CONFIG.items() if k != "model_type"}
    save_llama(small_llama(LlamaConfig(**sizes), np.float32), directory)
    saved = json.loads((directory / "config.json").read_text())
    config = {k: v for k, v in saved.items() if not k.endswith("_token_id")}
    files["config"] = config | files.get("config", {})
    return write_tokenizer(directory, **files)


@pytest.mark.parametrize(
    ("config", "generation", "expected"),
    [
        ({"eos_token_id": 2, "bos_token_id": 1}, None, (1, (2,), None)),
        ({"eos_token_id": 2, "bos_token_id": 1}, {"eos_token_id": [8, 7]}, (1, (8, 7), None)),
        ({"eos_token_id": [2, 7, 2]}, {"pad_token_id": 0}, (None, (2, 7), 0)),
        ({"eos_token_id": 2}, {"eos_token_id": None}, (None, (2,), None)),
        ({"eos_token_id": None}, None, (None, (), None)),
        ({}, {"bos_token_id": 0, "eos_token_id": 0}, (0, (0,), None)),
    ],
)
def test_generation_config_counts_before_config(config, generation, expected, tmp_path):
    files = {} if generation is None else {"generation_config": generation}
    tokens = load_llama(write_llama(tmp_path, config=config, **files)).special_tokens
    assert (tokens.bos_token_id, tokens.eos_token_id, tokens.pad_token_id) == expected


bad = st.sampled_from([-1, 11, 2**40, True, False, 1.0, "2", [[2]], {}, [2, -1], [11], [True]])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=bad,
    name=st.sampled_from(["bos_token_id", "eos_token_id", "pad_token_id"]),
    place=st.sampled_from(["config", "generation_config"]),
)
def test_what_is_no_token_is_refused_by_name(value, name, place, tmp_path):
    directory = write_llama(tmp_path, generation_config={}, config={})
    said = json.loads((directory / f"{place}.json").read_text())
    (directory / f"{place}.json").write_text(json.dumps(said | {name: value}))
    with pytest.raises(
        ValueError, match=f"{place}.json: expected {name} to be a token from 0 to 10"
    ):
        load_llama(directory)


def test_a_gpt2_of_which_nobody_chose_the_tokens(tmp_path):
    """transformers writes 50256 then, whatever the vocabulary: no token, and nothing to refuse."""
    for path in (GOLDEN / "hf" / "three_heads").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"bos_token_id": 50256, "eos_token_id": 50256}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load_gpt2(tmp_path).special_tokens == SpecialTokens()


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


BOTH = {"add_bos_token": True, "add_eos_token": True}


@needs_tokenizers
@pytest.mark.parametrize(
    ("around", "said", "expected"),
    [
        (None, {}, [4, 6, 10]),
        (None, MARKS, [4, 6, 10]),
        (None, MARKS | {"add_bos_token": True}, [1, 4, 6, 10]),
        (None, MARKS | BOTH, [1, 4, 6, 10, 2]),
        ("<s> $A", MARKS, [1, 4, 6, 10]),
        ("<s> $A </s>", {}, [1, 4, 6, 10, 2]),
        ("<s> $A", MARKS | {"add_bos_token": False}, [4, 6, 10]),
        (None, MARKS | {"tokenizer_class": "LlamaTokenizerFast"}, [1, 4, 6, 10]),
        (None, MARKS | {"tokenizer_class": "LlamaTokenizer", "add_bos_token": False}, [4, 6, 10]),
        (None, {"bos_token": {"content": "<s>"}, "add_bos_token": True}, [1, 4, 6, 10]),
    ],
)
def test_what_stands_around_a_text(around, said, expected, tmp_path):
    tokenizer = load_tokenizer(write_tokenizer(tmp_path, around, tokenizer_config=said))
    assert tokenizer.encode("aabc").tolist() == expected
    assert tokenizer.encode("aabc", False).tolist() == [4, 6, 10]
    tokenizer.save(tmp_path / "..")
    again = load_tokenizer(tmp_path / "..")
    assert again.encode("aabc").tolist() == expected and again.end == tokenizer.end
    assert tokenizer.decode(expected).strip("\n") == "aabc"


@needs_tokenizers
@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"tokenizer_config": {"eos_token": "</none>"}}, "eos_token '</none>' is not in the voc"),
        ({"tokenizer_config": {"eos_token": 2}}, "expected eos_token to be a string, got 2"),
        ({"tokenizer_config": {"pad_token": {"lstrip": 1}}}, "expected pad_token to be a string"),
        ({"tokenizer_config": {"add_bos_token": 1}}, "add_bos_token to be true or false, got 1"),
        ({"tokenizer_config": {"add_bos_token": True}}, "add_bos_token is true, and no bos_token"),
        ({"tokenizer_config": {"chat_template": 3}}, "expected chat_template to be a string, or"),
        ({"tokenizer_config": {"chat_template": [{"name": "default"}]}}, "expected chat_template"),
        ({"tokenizer_config": {"chat_template": ["a"]}}, "expected chat_template to be"),
        ({"tokenizer_config": []}, "tokenizer_config.json: expected a JSON object"),
        ({"special_tokens_map": {"bos_token": "<none>"}}, "bos_token '<none>' is not in the voc"),
        ({"config": {"eos_token_id": 99}}, "config.json: expected eos_token_id to be a token"),
        (
            {
                "tokenizer_config": {
                    "added_tokens_decoder": {"3": {"content": "x", "special": True}}
                }
            },
            "has 'x' at 3, the vocabulary at 11",
        ),
        (
            {"tokenizer_config": {"added_tokens_decoder": []}},
            "added_tokens_decoder to be an object",
        ),
    ],
)
def test_files_that_state_what_cannot_be(files, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_tokenizer(write_tokenizer(tmp_path, **files))


@needs_tokenizers
@pytest.mark.parametrize(
    ("files", "eos", "end"),
    [
        ({}, (), 8),
        ({"tokenizer_config": MARKS}, (2,), 2),
        ({"tokenizer_config": MARKS, "config": {"eos_token_id": 7}}, (7,), 2),
        ({"config": {"eos_token_id": 2}}, (2,), 2),
        ({"tokenizer_config": {"eos_token": "<|end|>", "chat_template": TEMPLATE}}, (7,), 8),
        ({"special_tokens_map": MARKS}, (2,), 2),
        ({"tokenizer_config": {"eos_token": "<|end|>"}, "special_tokens_map": MARKS}, (2,), 2),
        (
            {
                "tokenizer_config": {"eos_token": "<|end|>", "added_tokens_decoder": {}},
                "special_tokens_map": MARKS,
            },
            (7,),
            7,
        ),
    ],
)
def test_where_generation_and_a_document_end(files, eos, end, tmp_path):
    """The older map counts where tokenizer_config.json has no added_tokens_decoder, as there."""
    tokenizer = load_tokenizer(write_tokenizer(tmp_path, **files))
    assert (tokenizer.special_tokens.eos_token_id, tokenizer.end) == (eos, end)
    assert set(stop_tokens(tokenizer)) == {*eos, end}


@needs_tokenizers
def test_a_llama_begins_with_its_begin_mark_and_stops_at_its_end(tmp_path):
    files = {"tokenizer_config": MARKS | {"add_bos_token": True}}
    write_llama(tmp_path, config={"bos_token_id": 1, "eos_token_id": 2}, **files)
    model, tokenizer = load_model(tmp_path)
    chosen = iter([5, 6, 2, 7])
    head = np.zeros((8, 11), np.float32)

    def forward(x, **_):
        logits = np.full((*x.shape[:-1], len(head[0])), -1.0)
        logits[..., next(chosen)] = 1
        return logits, None

    model.lm_head.forward = forward
    assert generate(model, tokenizer.encode("a"), 9).tolist() == [1, 4, 5, 6, 2]
    reading = text._text("two", ["ab", "c"], ["a"], tokenizer, "", None)
    assert reading.train.tolist() == [2, 1, 6, 2, 1, 10, 2]
    assert prompt_tokens(tokenizer, "ab") == [1, 6] and prompt_tokens(tokenizer, "") == [1]


@needs_tokenizers
def test_documents_end_once_where_the_files_end_each_text(tmp_path):
    tokenizer = load_tokenizer(write_tokenizer(tmp_path, tokenizer_config=MARKS | BOTH))
    reading = text._text("two", ["ab", "c"], ["a"], tokenizer, "", None)
    assert reading.train.tolist() == [2, 1, 6, 2, 1, 10, 2]
    assert prompt_tokens(tokenizer, "ab") == [1, 6]


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
