"""Text to a model's tokens and back, from the files beside its weights.

The byte-pair rules are read and applied by Hugging Face's `tokenizers`, an optional extra: how
text is cut up is no part of what is taught here.
"""

import contextlib
import copy
import functools
import json
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..system.extras import import_extra
from ..system.files import whole_files
from .special_tokens import (
    END_OF_TEXT,
    OLD_MAP,
    SETTINGS,
    TEMPLATE,
    SpecialTokens,
    tokenizer_settings,
)

ONE_FILE = "tokenizer.json"


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
    """A byte-pair tokenizer: `encode`, `decode`, and what its files state, `special_tokens`.

    A text that spells a special token, as `<|im_end|>`, is text: nobody ends a turn by typing it.
    `special` gives such tokens their numbers. `end` is the id that ends a document, or None: the
    end of a text where the vocabulary has one beside the end of a turn, else eos_token.
    """

    def __init__(
        self,
        rules: Any,
        special_tokens: SpecialTokens | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.rules, self.special_tokens = rules, special_tokens or SpecialTokens()
        self.settings = settings or {}  # what else tokenizer_config.json said
        self.end = end_of_document(rules, self.special_tokens)
        rules.encode_special_tokens = True  # as text, that is
        rules.no_padding()  # a text's tokens are its own: all of them
        rules.no_truncation()
        self.vocab_size = rows_of(rules)

    def encode(self, text: str, add_special_tokens: bool = True) -> np.ndarray:
        """A string's tokens, (T,) int64, between those that the files put around each text.

        Most put none there, a Llama its begin mark; `add_special_tokens` False leaves them out.
        """
        with in_words("encode"):
            return _ids(self.rules, text, add_special_tokens)

    def encode_marked(self, text: str) -> np.ndarray:
        """The tokens of a text in which special tokens count, as of a chat template's."""
        with in_words("encode"):
            return _ids(self._marked, text, False)

    @functools.cached_property
    def _marked(self):
        marked = copy.deepcopy(self.rules)
        marked.encode_special_tokens = False
        return marked

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

    @functools.cached_property
    def marks(self) -> dict[str, int]:
        """{string: number} of all tokens that no text spells."""
        added = self.rules.get_added_tokens_decoder()
        return {token.content: i for i, token in added.items() if token.special}

    older = ONE_FILE, OLD_MAP, TEMPLATE  # what must be gone when the new files come

    def files(self) -> dict[str, str]:
        """{name: text} of tokenizer.json and tokenizer_config.json, as transformers reads them."""
        settings = tokenizer_settings(self.special_tokens, self.settings)
        said = json.dumps(settings, indent=2) + "\n"
        return {ONE_FILE: self.rules.to_str(pretty=True), SETTINGS: said}

    def save(self, directory: str | PathLike[str]) -> None:
        """Write its files, together: those that were there keep their place until then."""
        texts, directory = self.files(), Path(directory)
        places = (directory / name for name in texts)
        with whole_files(*places, in_place_of=self.older) as paths:
            for path, text in zip(paths, texts.values()):
                path.write_text(text, encoding="utf-8")


def _ids(rules, text, add_special_tokens):
    return np.array(rules.encode(text, add_special_tokens=add_special_tokens).ids, np.int64)


def rows_of(rules):
    """How many rows a table needs for all of its tokens, whose numbers may leave gaps."""
    return 1 + max(rules.get_vocab().values(), default=-1)


def end_of_document(rules, tokens):
    """The id that ends a document, or None.

    With a chat template eos_token ends a turn, so an end of a text counts before it.
    """
    text_ends = [i for i in map(rules.token_to_id, END_OF_TEXT) if i is not None]
    stated = [] if tokens.eos_token is None else [rules.token_to_id(tokens.eos_token)]
    first, then = (text_ends, stated) if tokens.chat_templates else (stated, text_ends)
    return next(iter(first + then), None)


def put_around(rules, tokens):
    """Let `rules` put around each text what add_bos_token and add_eos_token say, where they do.

    Raises: ValueError for a mark to add that nobody names.
    """
    if tokens.add_bos_token is None and tokens.add_eos_token is None:
        return
    around = []
    for name in ("bos_token", "eos_token"):
        if getattr(tokens, f"add_{name}") and getattr(tokens, name) is None:
            raise ValueError(f"add_{name} is true, and no {name} is stated")
        around.append([getattr(tokens, name)] if getattr(tokens, f"add_{name}") else [])
    (begin, end), library = around, import_extra("tokenizers")
    rules.post_processor = library.processors.TemplateProcessing(
        single=[*begin, "$A", *end],
        special_tokens=[(mark, rules.token_to_id(mark)) for mark in {*begin, *end}],
    )
