"""Bytes as tokens: 256 of them, and END between documents."""

import numpy as np

from .special_tokens import SpecialTokens

END = 256  # begins and ends a document
VOCABULARY = 257  # 256 bytes, and END


def encode(text):
    """A string's UTF-8 bytes as tokens, (T,) int64."""
    return np.frombuffer(text.encode("utf-8", "surrogateescape"), np.uint8).astype(np.int64)


def decode(tokens):
    """The string that tokens spell; END reads as a blank line, broken UTF-8 as a question mark."""
    tokens = np.asarray(tokens).ravel().tolist()
    pieces = bytes(t for token in tokens for t in (b"\n\n" if token == END else [token]))
    return pieces.decode("utf-8", errors="replace").replace("�", "?")


class ByteTokenizer:
    """The tokenizer of this file: bytes, and END."""

    decode = staticmethod(decode)
    end, vocab_size = END, VOCABULARY
    special_tokens = SpecialTokens(bos_token_id=END, eos_token_id=(END,))

    @classmethod
    def encode(cls, text, add_special_tokens=False):
        """A string's bytes as tokens, (T,) int64; with special tokens, `end` comes first."""
        begin = [cls.end] if add_special_tokens and cls.end is not None else []
        return np.concatenate([np.array(begin, np.int64), encode(text)])

    @staticmethod
    def special(mark):
        """None: no other token than END is more than a byte."""

    older = ()

    @staticmethod
    def files():
        """Nothing to write: bytes need no file."""
        return {}
