"""A conversation as tokens: turns, marked by special tokens (ChatML).

<|im_start|>user↵Hello<|im_end|>↵<|im_start|>assistant↵ …
"""

from collections.abc import Sequence
from typing import Any

START, END = "<|im_start|>", "<|im_end|>"
# What SmolLM2's own template puts first where a conversation has no system message.
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def chat_tokens(tokenizer: Any, messages: Sequence[tuple[str, str]]) -> list[int]:
    """The tokens of a conversation, up to where the assistant speaks.

    `messages` are (role, text) pairs. The marks are put in by number, so what a text spells stays
    text: nobody ends a turn by typing its mark.
    """
    start, end = (tokenizer.special(mark) for mark in (START, END))
    if start is None or end is None:
        raise ValueError(f"chat: this tokenizer has no {START} and {END}")
    if not messages:
        raise ValueError("chat: expected a message")
    if messages[0][0] != "system":
        messages = [("system", SYSTEM), *messages]
    tokens = []
    for role, text in messages:
        turn = tokenizer.encode(f"{role}\n{text}").tolist()
        tokens += [start, *turn, end, *tokenizer.encode("\n").tolist()]
    return [*tokens, start, *tokenizer.encode("assistant\n").tolist()]
