"""Conversations to learn from, and answers to score: only what the assistant says counts."""

from ..generation.sampling import generate
from ..tokenizers.chat_template import answer_tokens, chat_tokens, turn_end
from ..tokenizers.special_tokens import stop_tokens
from .batch import completion, padded


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
    tokens, lengths = padded(texts, texts[0][-1])  # with the mark
    return completion(tokens, [len(prompt) for prompt in prompts], lengths)


def dialogue_tokens(tokenizer, messages, answer):
    """(tokens up to where the assistant speaks, those of its answer with the mark of its end)"""
    return chat_tokens(tokenizer, messages), answer_tokens(tokenizer, messages, answer)


def answers(model, tokenizer, conversations, n, batch_size=40):
    """The model's likeliest answer of up to n tokens to each conversation, a list of strings.

    They are answered together, `batch_size` at a time, each as it would be alone.
    """
    prompts = [chat_tokens(tokenizer, messages) for messages in conversations]
    stop = (*stop_tokens(tokenizer), turn_end(tokenizer))
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    written = {}
    for start in range(0, len(order), batch_size):
        group = order[start : start + batch_size]
        texts = generate(model, [prompts[i] for i in group], n, stop=stop)
        for i, text in zip(group, texts):
            said = text[len(prompts[i]) :].tolist()
            end = next((t for t, token in enumerate(said) if token in stop), n)
            written[i] = tokenizer.decode(said[:end])
    return [written[i] for i in range(len(prompts))]
