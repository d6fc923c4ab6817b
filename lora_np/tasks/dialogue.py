"""Conversations to learn from, and answers to score: only what the assistant says counts."""

import numpy as np

from ..tokenizers.chat_template import END, chat_tokens
from .batch import completion


def dialogues(tokenizer, pairs):
    """A Batch of conversations: the answer and the mark that ends it are the targets that count.

    `pairs` are (messages, answer), with messages as `chat_tokens` takes them.
    Shapes: (B, T), padded on the right to the longest.
    Raises: ValueError for no pairs, and as chat_tokens does.
    """
    if not pairs:
        raise ValueError("dialogues: expected a conversation")
    prompts, answers = zip(*(dialogue_tokens(tokenizer, *pair) for pair in pairs))
    texts = [[*prompt, *answer] for prompt, answer in zip(prompts, answers)]
    lengths = [len(text) for text in texts]
    tokens = np.full((len(texts), max(lengths)), tokenizer.special(END), np.int64)
    for row, text in zip(tokens, texts):
        row[: len(text)] = text
    return completion(tokens, [len(prompt) for prompt in prompts], lengths)


def dialogue_tokens(tokenizer, messages, answer):
    """(tokens up to where the assistant speaks, those of its answer with the mark of its end)"""
    prompt = chat_tokens(tokenizer, messages)
    return prompt, [*tokenizer.encode(answer).tolist(), tokenizer.special(END)]


def answers(model, tokenizer, conversations, n, batch_size=40):
    """The model's likeliest answer of up to n tokens to each conversation, a list of strings.

    Conversations of unequal length are answered together: all are read up to the shortest's end,
    and from there a longer one takes its own next token where a shorter one takes the chosen one.
    """
    prompts = [chat_tokens(tokenizer, messages) for messages in conversations]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    written = {}
    for start in range(0, len(order), batch_size):
        group = order[start : start + batch_size]
        texts = _answer(model, tokenizer, [prompts[i] for i in group], n)
        written |= dict(zip(group, texts))
    return [written[i] for i in range(len(prompts))]


def _answer(model, tokenizer, prompts, n):
    end = tokenizer.special(END)
    shortest, longest = len(prompts[0]), len(prompts[-1])
    past = model.new_past(len(prompts), longest + n)
    unread = np.array([prompt[:shortest] for prompt in prompts])
    texts, ended = [list(prompt[:shortest]) for prompt in prompts], 0
    while len(texts[0]) < longest + n and ended < len(texts):
        x, _ = model.forward_body(unread, past=past, keep=False)
        chosen = model.lm_head(x[:, -1]).argmax(axis=-1)  # (B,)
        ended = 0
        for text, prompt, token in zip(texts, prompts, chosen.tolist()):
            text.append(prompt[len(text)] if len(text) < len(prompt) else token)
            ended += len(text) >= len(prompt) + n or end in text[len(prompt) :]
        unread = np.array([text[-1:] for text in texts])
    said = [text[len(prompt) :][:n] for text, prompt in zip(texts, prompts)]
    return [tokenizer.decode(text[: text.index(end)] if end in text else text) for text in said]
