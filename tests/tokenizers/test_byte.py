"""Bytes as tokens: there and back, with END before a document where that is asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lora_np.tokenizers.byte import END, VOCABULARY, ByteTokenizer, decode


@given(st.text(max_size=8), st.booleans())
def test_there_and_back(text, begin):
    tokens = ByteTokenizer.encode(text, begin)
    assert tokens.dtype == np.int64 and tokens.tolist() == [END] * begin + list(text.encode())
    assert ByteTokenizer.decode(tokens[begin:]) == text.replace("\ufffd", "?")
    assert ByteTokenizer.encode(text).tolist() == list(text.encode())


@given(st.binary(max_size=8))
def test_bytes_that_are_no_utf_8_are_kept_where_python_kept_them(raw):
    """A command line's, for one: as surrogates."""
    assert ByteTokenizer.encode(raw.decode("utf-8", "surrogateescape")).tolist() == list(raw)


def test_what_no_text_spells():
    assert decode([65, END, 66, 0xC3]) == "A\n\nB?"
    assert ByteTokenizer.special("<|im_end|>") is None and ByteTokenizer.files() == {}
    assert (ByteTokenizer.end, ByteTokenizer.vocab_size) == (END, VOCABULARY) == (256, 257)
