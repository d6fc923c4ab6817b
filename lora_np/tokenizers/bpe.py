"""Text to a model's tokens and back, from the files beside its weights.

The byte-pair rules are read and applied by Hugging Face's `tokenizers`, an optional extra: how
text is cut up is no part of what is taught here.
"""

import contextlib
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..system.files import whole_file

ONE_FILE = "tokenizer.json"
END = "<|endoftext|>"  # GPT-2 puts it between documents
CONTROL = 3  # GGUF's mark of a token that no text spells


@contextlib.contextmanager
def in_words(place):
    """What the library raises as a ValueError: bare Exceptions, and panics."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:
        raise ValueError(f"{place}: not a readable tokenizer: {error}") from error


class Tokenizer:
    """A byte-pair tokenizer: `encode`, `decode`, and `end`, the id between documents (or None).

    A text that spells a special token, as `<|im_end|>`, is text: nobody ends a turn by typing it.
    `special` gives such tokens their numbers.
    """

    def __init__(self, rules: Any) -> None:
        self.rules, self.end = rules, rules.token_to_id(END)
        rules.encode_special_tokens = True  # as text, that is
        rules.no_padding()  # a text's tokens are its own: all of them, and no others
        rules.no_truncation()
        self.vocab_size = rules.get_vocab_size()

    def encode(self, text: str) -> np.ndarray:
        """A string's tokens, (T,) int64."""
        with in_words("encode"):
            return np.array(self.rules.encode(text, add_special_tokens=False).ids, np.int64)

    def decode(self, tokens: ArrayLike) -> str:
        """The string that tokens spell; the end of a document reads as a blank line."""
        parts: list[list[int]] = [[]]
        for token in np.asarray(tokens).ravel().tolist():
            if token == self.end:
                parts.append([])
            else:
                parts[-1].append(token)
        with in_words("decode"):
            return "\n\n".join(self.rules.decode(part) for part in parts)

    def special(self, mark: str) -> int | None:
        """The number of a token that no text spells, as <|im_end|>; None if there is no such."""
        return self.rules.token_to_id(mark)

    def save(self, directory: str | PathLike[str]) -> None:
        """Write it as `tokenizer.json`, where load_tokenizer and transformers find it."""
        with whole_file(Path(directory) / ONE_FILE) as temporary:
            self.rules.save(str(temporary))


def rules_from_gguf(tokenizers, file):
    """Byte-level BPE from a GGUF file's lists; SmolLM cuts each digit alone, then as GPT-2."""
    kind, cut = file.get("tokenizer.ggml.model", str), file.get("tokenizer.ggml.pre", str)
    if (kind, cut) not in (("gpt2", "smollm"), ("gpt2", "gpt-2")):
        raise ValueError(f"{file.path}: expected a gpt2 tokenizer cut as smollm, got {kind}, {cut}")
    words = file.get("tokenizer.ggml.tokens", str)
    kinds = file.get("tokenizer.ggml.token_type", int)
    merges = [tuple(pair.split(" ")) for pair in file.get("tokenizer.ggml.merges", str)]
    vocab = {word: i for i, word in enumerate(words)}
    if len(vocab) != len(words) or len(kinds) != len(words) or any(len(m) != 2 for m in merges):
        raise ValueError(f"{file.path}: the tokenizer's lists do not fit each other")
    with in_words(file.path):
        rules = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges))
    cuts = [tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)]
    if cut == "smollm":
        cuts.insert(0, tokenizers.pre_tokenizers.Digits(individual_digits=True))
    rules.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(cuts)
    rules.decoder = tokenizers.decoders.ByteLevel()
    rules.add_special_tokens([word for word, kind in zip(words, kinds) if kind == CONTROL])
    return rules
