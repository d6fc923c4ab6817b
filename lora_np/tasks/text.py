"""Real text with no download: English prose and Python code that every CPython carries.

A token is a byte, so any text works. One more token, END, stands between documents. For a model
with tokens of its own, `tokenizer` is anything with `encode`, `decode` and `end`.
"""

import hashlib
import io
import os
import pkgutil
import stat
import sys
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from ..tokenizers.byte import ByteTokenizer
from .batch import next_token

LARGEST_FILE = 1 << 28  # bytes of a text of one's own
# Left out of the code: the prose itself, tables of characters, and what some installs do not have.
NOT_CODE = {"pydoc_data", "encodings", "test", "idlelib", "lib2to3", "tkinter", "turtledemo"}


@dataclass(frozen=True, eq=False)
class Text:
    """A text's training part and its held-out part, each one long row of tokens.

    Shapes: train and held_out (N,) uint16 (uint32 for a vocabulary past that): documents with the
    end token before each and after the last.
    """

    name: str
    train: np.ndarray
    held_out: np.ndarray

    def batches(self, rng, batch_size=32, length=128):
        """Yield batches without end: `batch_size` windows, each from a place that `rng` chooses.

        Raises: ValueError if no window of `length` + 1 tokens fits.
        """
        starts = _starts(self, self.train, length)
        while True:
            at = rng.integers(0, starts, batch_size)[:, None] + np.arange(length + 1)
            yield next_token(self.train[at].astype(np.int64))

    def held_out_batches(self, windows=256, batch_size=32, length=128):
        """The same `windows` windows each time, evenly spaced; all there are, if there are fewer.

        Windows do not overlap, so no token is a target twice.
        """
        room = (_starts(self, self.held_out, length) - 1) // length + 1
        at = np.arange(room)[np.linspace(0, room - 1, min(windows, room)).astype(np.int64)] * length
        for i in range(0, len(at), batch_size):
            rows = at[i : i + batch_size, None] + np.arange(length + 1)
            yield next_token(self.held_out[rows].astype(np.int64))


def _starts(text, tokens, length):
    if len(tokens) <= length:
        raise ValueError(
            f"{text.name}: {len(tokens):,} tokens hold no window of {length} and the next one; "
            "give it more text, or shorter windows"
        )
    return len(tokens) - length


def split(name, documents, tokenizer=ByteTokenizer, share=0.1):
    """A Text from {document's name: string}, with about `share` of the documents held out.

    A hash of its name decides about a document, so the same one always falls on the same side;
    the one with the lowest hash is held out in any case. A paragraph of more than 60 characters
    that the held-out part holds is left out of training: documents quote one another, and a
    quotation learnt by heart is no test.
    Raises: ValueError for fewer than two documents.
    """
    if len(documents) < 2:
        raise ValueError(f"{name}: expected two documents or more to split, got {len(documents)}")
    order = sorted(documents, key=_hash)
    count = max(1, sum(_hash(document) < share for document in order))
    held_out = [documents[document] for document in order[:count]]
    seen = {p.strip() for text in held_out for p in text.split("\n\n")}
    seen = {p for p in seen if len(p) > 60}
    train = [
        "\n\n".join(p for p in documents[document].split("\n\n") if p.strip() not in seen)
        for document in order[count:]
    ]
    return Text(name, _join(train, tokenizer), _join(held_out, tokenizer))


def _hash(name):
    """A number in [0, 1) that depends on the name alone, on every machine and in every run."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big") / 2**56


def _join(texts, tokenizer):
    kind = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32
    end = np.array([] if tokenizer.end is None else [tokenizer.end], kind)
    rows = [row for text in texts for row in (end, tokenizer.encode(text).astype(kind))]
    return np.concatenate([*rows, end])


def prose(tokenizer=ByteTokenizer):
    """Python's own reference manual, as `help()` shows it: some 460,000 characters of English."""
    from pydoc_data.topics import topics

    return split("prose", topics, tokenizer)


def code(tokenizer=ByteTokenizer):
    """The source of the standard library, a module a document: some millions of characters.

    Raises: ValueError where Python was installed without its source.
    """
    documents = {}
    for name in sorted(sys.stdlib_module_names - NOT_CODE):
        spec = None if name in sys.builtin_module_names else find_spec(name)
        _add_source(documents, name, spec)
        places = spec.submodule_search_locations if spec is not None else None
        for info in pkgutil.iter_modules(places) if places else ():
            if not info.ispkg:
                spec = info.module_finder.find_spec(info.name)
                _add_source(documents, f"{name}.{info.name}", spec)
    if len(documents) < 2:
        raise ValueError("code: this Python has no source of its standard library beside it")
    return split("code", documents, tokenizer)


def _add_source(documents, name, spec):
    if spec is not None and hasattr(spec.loader, "get_source"):
        source = spec.loader.get_source(spec.name)
        if source:
            documents[name] = source


def file(path, tokenizer=ByteTokenizer, piece=2000):
    """A text file of one's own, cut at blank lines into documents of `piece` characters or more.

    A document's name is its own text, so what is added later moves nothing across the split.
    Raises: ValueError for a file that is missing, not UTF-8 text, of more than 2²⁸ bytes, or too
    short to split.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe or a device may have no end
            raise ValueError(f"{path}: expected a file of text, found a folder or a pipe")
        with open(path, "rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise ValueError(f"{path}: expected at most {LARGEST_FILE:,} bytes of text")
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8 text ({error})") from None
    if "\0" in text:
        raise ValueError(f"{path}: expected UTF-8 text, found a zero byte; is it UTF-16?")
    pieces, size = [[]], 0
    for paragraph in text.split("\n\n"):
        if size >= piece:
            pieces.append([])
            size = 0
        pieces[-1].append(paragraph)
        size += len(paragraph) + 2
    documents = {document: document for document in map("\n\n".join, pieces)}
    if len(documents) < 2:
        raise ValueError(
            f"{path}: {len(text):,} characters are too few to split at blank lines into documents "
            f"of {piece:,}, some to learn from and one to hold out"
        )
    return split(str(path), documents, tokenizer)
