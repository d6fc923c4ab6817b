"""A GPT-2's tokenizer, where the optional library is installed, and a clear message where not."""

import json
import sys

import numpy as np
import pytest

from lora_np.checkpoint import Tokenizer, load_tokenizer

END = "<|endoftext|>"


def byte_letters():
    """GPT-2's printable stand-ins for the 256 bytes."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in shown]
    return [chr(b) for b in shown] + [chr(256 + i) for i in range(len(hidden))]


@pytest.fixture
def directory(tmp_path):
    """A byte-pair vocabulary of 256 bytes, `th`, `the` and `Ġthe`."""
    merges = ["t h", "th e", "Ġ the"]
    words = [*byte_letters(), *(merge.replace(" ", "") for merge in merges), END]
    vocab = {word: i for i, word in enumerate(words)}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]), encoding="utf-8")
    return tmp_path


@pytest.mark.extra("tokenizers")
def test_there_and_back(directory):
    tokenizer = load_tokenizer(directory)
    assert (tokenizer.end, tokenizer.vocab_size) == (259, 260)
    tokens = tokenizer.encode("the the")
    assert tokens.dtype == np.int64 and tokens.tolist() == [257, 258]
    for text in ("the cat — ärgert\n\tthe\x00 日本", "", " the  the"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode([257, 259, 258]) == "the\n\n the"
    tokenizer.rules.save(str(directory / "tokenizer.json"))
    (directory / "vocab.json").unlink()
    assert load_tokenizer(directory).encode("the the").tolist() == [257, 258]


@pytest.mark.extra("tokenizers")
def test_files_that_are_not_there(directory):
    (directory / "merges.txt").unlink()
    with pytest.raises(ValueError, match="json, vocab.json and merges.txt, or tokenizer.model"):
        load_tokenizer(directory)
    with pytest.raises(ValueError, match="no such directory"):
        load_tokenizer(directory / "nowhere")
    (directory / "tokenizer.json").write_text("{]")
    with pytest.raises(ValueError, match="not a readable tokenizer"):
        load_tokenizer(directory)


def test_without_the_library(directory, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match="optional here; install it with: pip install tokenizers"):
        load_tokenizer(directory)


class Panics:
    """A tokenizer whose file was well-formed, and whose numbers lead it out of bounds."""

    encode_special_tokens = False

    def __getattr__(self, name):
        return lambda *_, **__: None

    def encode(self, text, **options):
        raise Panic("range end index 8 out of range")

    decode = encode

    def get_vocab(self):
        return {"a": 1}


class Panic(BaseException):
    """What a panic in a library written in Rust is in Python: no Exception."""


def test_a_panic_in_the_library_is_an_error_in_words():
    tokenizer = Tokenizer(Panics())
    for call in (lambda: tokenizer.encode("a"), lambda: tokenizer.decode([1])):
        with pytest.raises(ValueError, match="not a readable tokenizer: range end index 8"):
            call()


@pytest.mark.extra("tokenizers")
def test_a_text_has_all_its_tokens_and_those_that_the_file_puts_around_it(directory):
    """Whatever the file says of padding and of cutting; as transformers, which puts them too."""
    import tokenizers

    rules = tokenizers.Tokenizer.from_str(load_tokenizer(directory).rules.to_str())
    rules.enable_padding(length=10**9)
    rules.enable_truncation(1)
    rules.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{END} $A {END}", special_tokens=[(END, 259)]
    )
    rules.save(str(directory / "tokenizer.json"))
    tokenizer = load_tokenizer(directory)
    assert tokenizer.encode("the the").tolist() == [259, 257, 258, 259]
    assert tokenizer.encode("the the", add_special_tokens=False).tolist() == [257, 258]
