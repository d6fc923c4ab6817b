"""Real text with no download: English prose and Python code that every CPython carries.

A token is a byte, so any text works. One more token, END, stands between documents. For a model
with tokens of its own, `tokenizer` is anything with `encode`, `decode` and `end`; for
samples, of which only the answers count, with all that `tokenizers.bpe.Tokenizer` has.
"""

import pkgutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import FrozenImporter
from zipimport import ZipImportError, zipimporter

import numpy as np

from ..system.checks import check_whole, said_of
from ..system.extras import spec_of
from ..tokenizers.byte import ByteTokenizer
from ..tokenizers.special_tokens import without_end
from . import own_text
from .batch import next_token
from .held_out import SHARE, by_hash, check_windows, describe, divide
from .samples import samples

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
    documents: tuple[int, int] | None = None  # how many to learn from, and how many held out
    hashed: str = ""  # what chose those held out, by its hash
    form: str | None = None  # what was read

    def __str__(self):
        return self.describe()

    def describe(self, length=None):
        """What was read and what is held out, in a sentence or two; windows of any length do."""
        return describe(self, "document")

    def batches(self, rng, batch_size=32, length=128):
        """Yield batches without end: `batch_size` windows, each from a place that `rng` chooses.

        Raises: ValueError if no window of `length` + 1 tokens fits.
        """
        check_whole(f"{self.name}: expected a batch_size", batch_size)
        starts = _starts(self, self.train, length)
        while True:
            at = rng.integers(0, starts, batch_size)[:, None] + np.arange(length + 1)
            yield next_token(self.train[at].astype(np.int64))

    def held_out_batches(self, windows=256, batch_size=32, length=128):
        """The same `windows` windows each time, evenly spaced; all there are, if there are fewer.

        Windows do not overlap, so no token is a target twice.
        """
        check_windows(self.name, windows, batch_size)
        room = (_starts(self, self.held_out, length) - 1) // length + 1
        at = np.arange(room)[np.linspace(0, room - 1, min(windows, room)).astype(np.int64)] * length
        for i in range(0, len(at), batch_size):
            rows = at[i : i + batch_size, None] + np.arange(length + 1)
            yield next_token(self.held_out[rows].astype(np.int64))


def _starts(text, tokens, length):
    check_whole(f"{text.name}: expected a length", length)
    if len(tokens) <= length:
        part = " held out" if tokens is text.held_out else ""
        raise ValueError(
            f"{text.name}: {len(tokens):,} tokens{part} hold no window of {length} and the next "
            "one; give it more text, or a smaller length"
        )
    return len(tokens) - length


def split(name, documents, tokenizer=ByteTokenizer, share=SHARE):
    """A Text from {document's name: string}, with about `share` of the documents held out.

    A hash of its name decides about a document, so the same one always falls on the same side;
    the one with the lowest hash is held out in any case. A paragraph of more than 60 characters
    that the held-out part holds is left out of training: documents quote one another, and a
    quotation learnt by heart is no test.
    Raises: ValueError for fewer than two documents.
    """
    if len(documents) < 2:
        raise ValueError(f"{name}: expected two documents or more to split, got {len(documents)}")
    held_out, learnt = by_hash(documents, share)
    held_out = [documents[document] for document in held_out]
    seen = {p.strip() for text in held_out for p in text.split("\n\n")}
    seen = {p for p in seen if len(p) > 60}
    train = [
        "\n\n".join(p for p in documents[document].split("\n\n") if p.strip() not in seen)
        for document in learnt
    ]
    return _text(name, train, held_out, tokenizer, "their names")


def _text(name, train, held_out, tokenizer, hashed, form=None):
    tokens = _join(train, tokenizer), _join(held_out, tokenizer)
    return Text(name, *tokens, (len(train), len(held_out)), hashed, form)


def _join(texts, tokenizer):
    """The documents as one row; a blank line stands for the end of one that no token marks.

    Each is encoded as the model's files say, with a begin mark where they put one.
    """
    kind = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32
    end = tokenizer.encode("\n\n") if tokenizer.end is None else np.array([tokenizer.end])
    rows = [r for text in texts for r in (end, without_end(tokenizer, tokenizer.encode(text)))]
    return np.concatenate([row.astype(kind) for row in (*rows, end)])


def prose(tokenizer=ByteTokenizer):
    """Python's own reference manual, as `help()` shows it: some 460,000 characters of English."""
    from pydoc_data.topics import topics

    return split("prose", topics, tokenizer)


def code(tokenizer=ByteTokenizer):
    """The source of the standard library, a module a document: some millions of characters.

    Raises: ValueError where Python was installed without its source.
    """
    documents = {}
    zips = [each for each in map(pkgutil.get_importer, sys.path) if isinstance(each, zipimporter)]
    for name in sorted(sys.stdlib_module_names - NOT_CODE):
        if _add_zipped(documents, name, name, zips):
            continue
        spec = None if name in sys.builtin_module_names else spec_of(name)
        _add_source(documents, name, spec)
        places = spec.submodule_search_locations if spec is not None else None
        for info in pkgutil.iter_modules(places) if places else ():
            full = f"{name}.{info.name}"
            if not info.ispkg and not _add_zipped(documents, full, info.name, [info.module_finder]):
                _add_source(documents, full, info.module_finder.find_spec(info.name))
    if len(documents) < 2:
        raise ValueError("code: this Python has no source of its standard library beside it")
    return split("code", documents, tokenizer)


def _add_zipped(documents, name, module, finders):
    """Add the source of what is a module in a zip; whether it is. (Its spec would compile it.)"""
    for finder in finders:
        if isinstance(finder, zipimporter) and FrozenImporter.find_spec(name) is None:
            with suppress(ZipImportError):
                if not finder.is_package(module):
                    documents[name] = finder.get_source(module)
                    return True
    return False


def _add_source(documents, name, spec):
    if spec is not None and hasattr(spec.loader, "get_source"):
        source = spec.loader.get_source(spec.name)
        if source:
            documents[name] = source


def file(path, tokenizer=ByteTokenizer, form="auto", field=None):
    """A text of one's own: a file, a folder of files, or standard input for "-".

    `form` says how it is read, and the text itself says so by default:
    "paragraphs", with blank lines between them, gathered into pieces of 2000 characters or more;
    "lines", one sample a line, where blank lines are missing (or rarer than one line in 50);
    "jsonl", one JSON object a line: the field `text`, or that which `field` names, is a document;
    `prompt` and `completion` (or a pair of other names in `field`) and `messages` give Samples, of
    which only the answers count. In a folder .jsonl files are JSONL and the others text.
    The hash of what it holds decides what is held out, so what is added later moves nothing across
    the split, and nothing that is held out stands in training; see held_out.divide.
    Returns a Text, or Samples; describe() says what was read.
    Raises: ValueError for what is missing, no text, of more than 2²⁸ bytes, not in the form, or
    too short to split; it names the file, and the line in JSONL.
    """
    name, found = own_text.read(path, LARGEST_FILE, form, field)
    form = ", ".join(found.words)
    if found.samples:
        return samples(name, found.samples, tokenizer, form)
    with said_of(name):
        train, held_out = divide(found.documents)
    return _text(name, train, held_out, tokenizer, "their own text", form)
