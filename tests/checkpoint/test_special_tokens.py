"""Begin, end, padding and chat templates: read from every place that states them, and kept.

What transformers makes of each file is written out by hand, from its documentation: it is not
installed where these tests run.
"""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from golden.readers.golden_hf import GOLDEN
from helpers.tokenizer_files import MARKS, TEMPLATE, write_llama, write_tokenizer
from lora_np import load_gpt2
from lora_np.checkpoint import load_llama, load_model, load_tokenizer
from lora_np.generation import generate
from lora_np.tasks import text
from lora_np.tasks.samples import samples
from lora_np.tokenizers.byte import ByteTokenizer
from lora_np.tokenizers.special_tokens import SpecialTokens, prompt_tokens, stop_tokens

needs_tokenizers = pytest.mark.extra("tokenizers")
needs_gguf = pytest.mark.extra("gguf")


@needs_tokenizers
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


@needs_tokenizers
@pytest.mark.parametrize("bos", [None, 1])
@pytest.mark.parametrize("eos", [(), (2,), (7, 2)])
@pytest.mark.parametrize("pad", [None, 0, 3])
def test_what_the_tokens_say_of_themselves_is_read_as_them(bos, eos, pad, tmp_path):
    tokens = SpecialTokens(bos, eos, pad)
    assert load_llama(write_llama(tmp_path, config=tokens.ids())).special_tokens == tokens


bad = st.sampled_from([-2, 11, 2**40, True, False, 1.0, "2", [[2]], {}, [2, -1], [11], [True]])


@needs_tokenizers
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


@needs_tokenizers
def test_a_llama_that_fills_up_with_no_token(tmp_path):
    """-1 stands for none in conversions of the first Llama."""
    directory = write_llama(tmp_path, config={"pad_token_id": -1})
    assert load_llama(directory).special_tokens.pad_token_id is None


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


def test_nothing_to_go_on_from_is_the_end_before_it_where_there_is_one():
    class Endless(ByteTokenizer):
        end = None

    assert prompt_tokens(ByteTokenizer, "") == [ByteTokenizer.end]
    assert prompt_tokens(Endless, "") == [] and prompt_tokens(Endless, "a") == [97]


@needs_tokenizers
def test_documents_end_once_where_the_files_end_each_text(tmp_path):
    tokenizer = load_tokenizer(write_tokenizer(tmp_path, tokenizer_config=MARKS | BOTH))
    reading = text._text("two", ["ab", "c"], ["a"], tokenizer, "", None)
    assert reading.train.tolist() == [2, 1, 6, 2, 1, 10, 2]
    assert prompt_tokens(tokenizer, "ab") == [1, 6]


@needs_tokenizers
def test_a_text_to_go_on_from_has_no_end_whichever_one_is_put_behind(tmp_path):
    """A turn's end is another than a document's; neither stands behind a prompt."""
    said = {"bos_token": "<s>", "eos_token": "<|end|>", "chat_template": TEMPLATE} | BOTH
    tokenizer = load_tokenizer(write_tokenizer(tmp_path, tokenizer_config=said))
    assert tokenizer.encode("ab").tolist() == [1, 6, 7] and tokenizer.end == 8
    assert prompt_tokens(tokenizer, "ab") == [1, 6] and prompt_tokens(tokenizer, "") == [1]
    reading = text._text("two", ["ab", "c"], ["a"], tokenizer, "", None)
    assert reading.train.tolist() == [8, 1, 6, 8, 1, 10, 8]


@needs_tokenizers
def test_a_vocabulary_with_gaps_has_room_for_its_largest_number(tmp_path):
    """In the rows of text as well: 65,536 tokens and one of number 70,000 are 17 bits."""
    write_tokenizer(tmp_path, tokenizer_config=MARKS, config={"eos_token_id": 70_000})
    rules = json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))
    rules["model"]["vocab"]["ab"] = 70_000
    (tmp_path / "tokenizer.json").write_text(json.dumps(rules), "utf-8")
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.vocab_size == 70_001
    assert text._text("one", ["ab"], ["a"], tokenizer, "").train.tolist() == [2, 70_000, 2]
    reading = samples("some", [("ab", "a"), ("a", "ab")], tokenizer)
    assert {70_000} <= {*reading.train.tolist(), *reading.held_out.tolist()}


@needs_tokenizers
def test_a_templates_byte_order_mark_is_none_of_its_text(tmp_path):
    write_tokenizer(tmp_path, tokenizer_config=MARKS, template="\ufeff" + TEMPLATE)
    assert load_tokenizer(tmp_path).special_tokens.chat_template == TEMPLATE
