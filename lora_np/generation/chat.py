"""Talking with a model that was taught to answer, in the turns of its own chat template."""

from ..tokenizers.chat_template import chat_tokens, turn_end
from ..tokenizers.special_tokens import stop_tokens
from .sampling import stream


def reply(model, tokenizer, messages, n=256, *, temperature=0.0, top_k=None, top_p=None, rng=None):
    """Yield the assistant's answer, of up to n tokens, in pieces of text as they come.

    It ends where the files say that generation stops, or that a turn ends. The options are
    generate's.
    """
    tokens, room = chat_tokens(tokenizer, messages), model.config.n_positions
    if len(tokens) >= room:
        raise ValueError(f"chat: {len(tokens)} tokens leave no room to answer in {room}")
    stop = (*stop_tokens(tokenizer), turn_end(tokenizer))
    how = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "rng": rng}
    steps = stream(model, tokens, min(n, room - len(tokens)), stop=stop, **how)
    return _pieces(steps, tokenizer, stop)


def _pieces(steps, tokenizer, stop):
    tokens, shown = [], ""
    for token in steps:
        if token in stop:
            break
        tokens.append(token)
        text = tokenizer.decode(tokens)
        if not text.endswith("\ufffd"):  # a character's first bytes: wait for the rest
            yield text[len(shown) :]
            shown = text
