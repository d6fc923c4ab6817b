"""A conversation as tokens: turns between special tokens, in the form that the model's files state.

ChatML, for one: <|im_start|>user↵Hello<|im_end|>↵<|im_start|>assistant↵ …
"""

import functools
import re
from collections.abc import Sequence
from typing import Any

from .jinja import render

GUARDS = "\ue000\ue001\ue002\ue003"  # private characters, one of which no message here uses


def chat_tokens(tokenizer: Any, messages: Sequence[tuple[str, str]]) -> list[int]:
    """The tokens of a conversation, up to where the assistant speaks.

    `messages` are (role, text) pairs. What a text spells stays text: nobody ends a turn by typing
    its mark.
    Raises: ValueError for no messages, and where the model's files have no chat template or one
    that does not take them; ImportError without jinja2.
    """
    if not messages:
        raise ValueError("chat: expected a message")
    return _tokens(tokenizer, messages, add_generation_prompt=True)


def answer_tokens(tokenizer: Any, messages: Sequence[tuple[str, str]], answer: str) -> list[int]:
    """The tokens that follow those of `chat_tokens` if the assistant answers so, up to the mark
    that ends its turn.

    They are what the template writes: it may strip an answer, or put a space before it. Where the
    template writes another beginning once the answer is there, it is the answer alone and its end.
    """
    prompt, end = chat_tokens(tokenizer, messages), turn_end(tokenizer)
    said = [*messages, ("assistant", answer)]
    whole = _tokens(tokenizer, said, add_generation_prompt=False)
    rest = whole[len(prompt) :]
    if whole[: len(prompt)] == prompt and end in rest:
        return rest[: rest.index(end) + 1]
    return [*tokenizer.encode(answer, False).tolist(), end]


def _tokens(tokenizer, messages, **options):
    template = _template(tokenizer)
    marks = _pattern(tuple(tokenizer.marks))
    guard = _guard(messages)
    guarded = [[marks.sub(lambda m: guard.join([*m[0], ""]), t) for t in pair] for pair in messages]
    text = _rendered(tokenizer, template, guarded, **options)
    if guard not in text:
        return tokenizer.encode_marked(text).tolist()
    tokens = []  # a text between marks is cut up as if the typed ones were not there
    for part in marks.split(text):
        if part in tokenizer.marks:
            tokens.append(tokenizer.marks[part])
        elif part:
            tokens += tokenizer.encode(part.replace(guard, ""), False).tolist()
    return tokens


def turn_end(tokenizer: Any) -> int:
    """The mark by which the template ends what the assistant says; else the files' eos_token."""
    template, answer = _template(tokenizer), "An answer."
    talk = [("user", "A question."), ("assistant", answer)]
    text = _rendered(tokenizer, template, talk, add_generation_prompt=False)
    _, said, behind = text.rpartition(answer)
    found = _pattern(tuple(tokenizer.marks)).search(behind) if said else None
    if found:
        return tokenizer.marks[found[0]]
    if tokenizer.special_tokens.eos_token_id:
        return tokenizer.special_tokens.eos_token_id[0]
    raise ValueError("chat: neither the chat template nor the model's files end a turn by a token")


def _template(tokenizer):
    tokens = tokenizer.special_tokens
    if tokens.chat_template is not None:
        return tokens.chat_template
    names = [name for name, _ in tokens.chat_templates]
    found = f"no default among its templates {', '.join(names)}" if names else "no chat_template"
    raise ValueError(f"chat: this tokenizer has {found}; was its model taught to answer?")


def _rendered(tokenizer, template, messages, **options):
    turns = [{"role": role, "content": text} for role, text in messages]
    strings = tokenizer.special_tokens.variables()
    return render(template, messages=turns, tools=None, documents=None, **strings, **options)


@functools.lru_cache(maxsize=8)
def _pattern(marks):
    """What finds any of the marks, the longest first; nothing where there are none."""
    longest_first = map(re.escape, sorted(marks, key=len, reverse=True))
    return re.compile(f"({'|'.join(longest_first) or '(?!)'})")


def _guard(messages):
    """A character that stands in no message, to keep typed marks apart."""
    for guard in GUARDS:
        if not any(guard in text for _, text in messages):
            return guard
    raise ValueError(f"chat: the messages hold all of {ascii(GUARDS)}")
