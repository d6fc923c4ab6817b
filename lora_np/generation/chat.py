"""Talking with a model that was taught to answer, in the turns of `tokenizers.chat_template`."""

from ..tokenizers.chat_template import END, chat_tokens
from .sampling import stream


def reply(model, tokenizer, messages, n=256, **options):
    """Yield the assistant's answer, of up to n tokens, in pieces of text as they come.

    `options` are generate's: temperature, top_k, top_p, rng.
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
