"""Text to a GPT-2's tokens and back, from the files beside its weights.

The byte-pair rules are read and applied by Hugging Face's `tokenizers`, an optional extra: how
text is cut up is no part of what is taught here.
"""

from pathlib import Path

import numpy as np

from .tensors import listed

END = "<|endoftext|>"  # GPT-2 puts it between documents


class Tokenizer:
    """A byte-pair tokenizer: `encode`, `decode`, and `end`, the id between documents (or None)."""

    def __init__(self, rules):
        self.rules, self.end = rules, rules.token_to_id(END)
        self.vocab_size = rules.get_vocab_size()

    def encode(self, text):
        """A string's tokens.

        Shapes: (T,) int64.
        """
        return np.array(self.rules.encode(text).ids, np.int64)

    def decode(self, tokens):
        """The string that tokens spell; the end of a document reads as a blank line."""
        pieces, part = [], []
        for token in np.asarray(tokens).ravel().tolist():
            if token == self.end:
                pieces.append(self.rules.decode(part))
                part = []
            else:
                part.append(token)
        return "\n\n".join([*pieces, self.rules.decode(part)])


def load_tokenizer(directory):
    """The tokenizer in a GPT-2 directory: `tokenizer.json`, or `vocab.json` with `merges.txt`.

    Raises: ImportError, saying what to install, without the `tokenizers` library; ValueError for
    a directory without those files, or files that it cannot read.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(
            "a GPT-2's tokenizer needs the library `tokenizers`, which is optional here; "
            'install it with: pip install "lora_np[hf]"'
        ) from error
    directory = Path(directory)
    one, vocab, merges = (directory / n for n in ("tokenizer.json", "vocab.json", "merges.txt"))
    try:
        if one.is_file():
            return Tokenizer(tokenizers.Tokenizer.from_file(str(one)))
        if vocab.is_file() and merges.is_file():
            return Tokenizer(tokenizers.ByteLevelBPETokenizer(str(vocab), str(merges)))
    except Exception as error:  # the library raises bare Exceptions
        raise ValueError(f"{directory}: not a readable tokenizer: {error}") from error
    found = listed(sorted(p.name for p in directory.iterdir())) if directory.is_dir() else None
    raise ValueError(
        f"no tokenizer in {directory}: expected {one.name}, or {vocab.name} and {merges.name}; "
        + ("no such directory" if found is None else f"it holds {found or 'nothing'}")
    )
