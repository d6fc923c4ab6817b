"""The tokenizer in the files beside a model's weights."""

from dataclasses import replace
from os import PathLike
from pathlib import Path

from ..system.extras import import_extra
from ..tokenizers.bpe import ONE_FILE, Tokenizer, in_words, put_around, rows_of
from ..tokenizers.gguf_rules import rules_from_gguf
from ..tokenizers.sentencepiece import add_marks, read_pieces, rules_of
from ..tokenizers.special_tokens import MARKS
from .gguf import check_magic, open_gguf
from .hf_directory import CONFIG
from .safetensors_io import confirm, listed, read_json, stamp
from .special_tokens import (
    ids_of_gguf,
    read_ids,
    read_tokenizer_settings,
    resolved,
    settings_of_gguf,
)

SENTENCEPIECE = "tokenizer.model"


def load_tokenizer(directory: str | PathLike[str]) -> Tokenizer:
    """The tokenizer in a directory, `tokenizer.json`, `vocab.json` with `merges.txt` or
    SentencePiece's `tokenizer.model`, or in a GGUF file, with the special tokens and chat templates
    that the files beside it state.

    Raises: ImportError, saying what to install, without the library that the form needs;
    ValueError for files that are not whole, or name a token that the vocabulary does not have.
    """
    directory = Path(directory)
    if directory.is_file():
        check_magic(directory)
    tokenizers = import_extra("tokenizers")
    if directory.is_file():
        file = open_gguf(directory)
        rules, settings, stated = rules_from_gguf(tokenizers, file), {}, settings_of_gguf(file)
        ids = ids_of_gguf(file, rules.get_vocab_size())
    else:
        seen = stamp(directory / ONE_FILE)
        settings, stated = read_tokenizer_settings(directory)
        rules, stated = _rules(tokenizers, directory, stated)
        _add_tokens(rules, settings.get("added_tokens_decoder"), directory)
        ids = _ids_of_model(directory, rules)
        confirm(stamp(directory / ONE_FILE), seen, directory)
    tokens = resolved(stated, ids, rules, directory)
    with in_words(directory):
        rules.add_special_tokens([mark for mark in map(tokens.variables().get, MARKS) if mark])
        put_around(rules, tokens)
    return Tokenizer(rules, tokens, settings)


def _rules(tokenizers, directory, stated):
    """(the rules, `stated` with what the file of the rules adds to it)."""
    one, vocab, merges = (directory / n for n in (ONE_FILE, "vocab.json", "merges.txt"))
    pieces = directory / SENTENCEPIECE
    if pieces.is_file() and not (one.is_file() or vocab.is_file() and merges.is_file()):
        return _of_pieces(tokenizers, read_pieces(pieces), stated, pieces)
    with in_words(directory):
        if one.is_file():
            return tokenizers.Tokenizer.from_file(str(one)), stated
        if vocab.is_file() and merges.is_file():
            rules = tokenizers.Tokenizer(tokenizers.models.BPE.from_file(str(vocab), str(merges)))
            rules.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
            rules.decoder = tokenizers.decoders.ByteLevel()
            return rules, stated
    found = listed(sorted(p.name for p in directory.iterdir())) if directory.is_dir() else None
    raise ValueError(
        f"no tokenizer in {directory}: expected {one.name}, {vocab.name} and {merges.name}, or "
        f"{SENTENCEPIECE}; "
        + ("no such directory" if found is None else f"it holds {found or 'nothing'}")
    )


def _of_pieces(tokenizers, pieces, stated, path):
    """As of a GGUF file: the file's own marks where none is stated, and its begin mark before each
    text unless that is told not to be."""
    rules = rules_of(tokenizers, pieces, path)
    add_marks(tokenizers, rules, pieces.words, pieces.kinds)
    own = {"bos_token": pieces.bos, "eos_token": pieces.eos}
    stated = replace(stated, **{k: v for k, v in own.items() if getattr(stated, k) is None})
    if stated.add_bos_token is None and stated.bos_token is not None:
        stated = replace(stated, add_bos_token=True)
    return rules, stated


def _ids_of_model(directory, rules):
    """The ids in the settings of the model beside it, which may have more rows than tokens."""
    path = directory / CONFIG
    settings = read_json(path) if path.exists() else {}
    rows = settings.get("vocab_size")
    return read_ids(directory, settings, rows if type(rows) is int else rows_of(rules))


def _add_tokens(rules, added, directory):
    """Add the special tokens that stand in the settings alone, as beside vocab.json."""
    if added is None:
        return
    if not isinstance(added, dict) or not all(isinstance(each, dict) for each in added.values()):
        raise ValueError(f"{directory}: expected added_tokens_decoder to be an object of objects")
    for number, each in sorted(added.items(), key=lambda item: item[0].zfill(9)):
        text = each.get("content")
        if not isinstance(text, str) or not each.get("special"):
            continue
        with in_words(directory):
            rules.add_special_tokens([text])
        if str(rules.token_to_id(text)) != number:
            raise ValueError(
                f"{directory}: added_tokens_decoder has {text!r} at {number}, the vocabulary at "
                f"{rules.token_to_id(text)}"
            )
