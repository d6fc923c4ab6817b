"""Bytes as tokens: 256 of them, and END between documents."""

import numpy as np

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

    encode, decode = staticmethod(encode), staticmethod(decode)
    end, vocab_size = END, VOCABULARY

    @staticmethod
    def special(mark):
        """None: no other token than END is more than a byte."""

    @staticmethod
    def save(directory):
        """Nothing to write: bytes need no file."""
