"""The tokenizer in the files beside a model's weights."""

from os import PathLike
from pathlib import Path

from ..system.extras import import_extra
from ..tokenizers.bpe import ONE_FILE, Tokenizer, in_words, rules_from_gguf
from .gguf import open_gguf
from .safetensors_io import listed


def load_tokenizer(directory: str | PathLike[str]) -> Tokenizer:
    """The tokenizer in a directory, `tokenizer.json` or `vocab.json` with `merges.txt`, or in a
    GGUF file.

    Raises: ImportError, saying what to install, without the library `tokenizers` or `gguf`.
    """
    tokenizers, directory = import_extra("tokenizers"), Path(directory)
    if directory.is_file():
        return Tokenizer(rules_from_gguf(tokenizers, open_gguf(directory)))
    one, vocab, merges = (directory / n for n in (ONE_FILE, "vocab.json", "merges.txt"))
    with in_words(directory):
        if one.is_file():
            return Tokenizer(tokenizers.Tokenizer.from_file(str(one)))
        if vocab.is_file() and merges.is_file():
            return Tokenizer(tokenizers.ByteLevelBPETokenizer(str(vocab), str(merges)))
    found = listed(sorted(p.name for p in directory.iterdir())) if directory.is_dir() else None
    raise ValueError(
        f"no tokenizer in {directory}: expected {one.name}, or {vocab.name} and {merges.name}; "
        + ("no such directory" if found is None else f"it holds {found or 'nothing'}")
    )
