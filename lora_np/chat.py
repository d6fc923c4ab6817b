"""Talking with a model that was taught to answer: turns, marked by special tokens (ChatML).

    <|im_start|>user↵Hello<|im_end|>↵<|im_start|>assistant↵ …
"""

from .generate import stream

START, END = "<|im_start|>", "<|im_end|>"
# What SmolLM2's own template puts first where a conversation has no system message.
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


def chat_tokens(tokenizer, messages):
    """The tokens of a conversation, up to where the assistant speaks.

    `messages` are (role, text) pairs. The marks are put in by number, so what a text spells stays
    text: nobody ends a turn by typing its mark.
    Raises: ValueError for no messages, or a tokenizer without these marks.
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


def reply(model, tokenizer, messages, n=256, **options):
    """Yield the assistant's answer, of up to n tokens, in pieces of text as they come.

    `options` are generate's: temperature, top_k, top_p, rng.
    Raises: ValueError, before any work, for a conversation that leaves no room to answer.
    """
    tokens, room = chat_tokens(tokenizer, messages), model.config.n_positions
    if len(tokens) >= room:
        raise ValueError(f"chat: {len(tokens)} tokens leave no room to answer in {room}")
    end = tokenizer.special(END)
    steps = stream(model, tokens, min(n, room - len(tokens)), stop=end, **options)
    return _pieces(steps, tokenizer, end)


def _pieces(steps, tokenizer, end):
    tokens, shown = [], ""
    for token in steps:
        if token == end:
            break
        tokens.append(token)
        text = tokenizer.decode(tokens)
        if not text.endswith("\ufffd"):  # a character's first bytes: wait for the rest
            yield text[len(shown) :]
            shown = text
