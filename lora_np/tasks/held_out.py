"""Which part of a text is held out: a hash decides, so nothing moves when more is added."""

import hashlib
from itertools import groupby
from operator import itemgetter

from ..system.checks import check_real, check_whole

SHARE = 0.1  # about how much is held out


def hash_of(name):
    """A number in [0, 1) that depends on the name alone, on every machine and in every run."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big") / 2**56


def check_windows(name, windows, batch_size):
    """Raise ValueError unless so many held-out windows, so many at a time, can be read."""
    check_whole(f"{name}: expected windows", windows)
    check_whole(f"{name}: expected a batch_size", batch_size)


def by_hash(names, share=SHARE):
    """(held out, to learn from): the different `names` in the order of their hashes, cut at share.

    The lowest hash is held out in any case, and of two names or more the highest is learnt from.
    """
    check_real("expected a share", share, "above 0 and below 1")
    order = sorted(names, key=hash_of)
    count = min(max(1, sum(hash_of(name) < share for name in order)), len(order) - 1)
    return order[:count], order[count:]


def divide(documents, share=SHARE):
    """(to learn from, held out), lists of strings, from documents cut into pieces of paragraphs.

    The hash of a piece's own text decides about it. A paragraph that stands on both sides is
    learnt from wherever it stands, so every paragraph is kept as often as it stands, and none that
    is held out stands in training. Neighbours that fall on one side stay together. If that leaves
    a side empty, or holds out more than is learnt, each paragraph is a piece of its own.
    Raises: ValueError unless two paragraphs differ.
    """
    sides = _divide(documents, share)
    learnt, held_out = (sum(map(len, side)) for side in sides)
    if not 0 < held_out <= learnt:
        sides = _divide(
            [[[p] for piece in document for p in piece] for document in documents], share
        )
    if not all(sides):
        count = sum(len(piece) for document in documents for piece in document)
        raise ValueError(
            "expected two paragraphs, lines or rows that differ, one to learn from and one to "
            f"hold out, found {f'one, {count:,} times' if count > 1 else ['none', 'one'][count]}"
        )
    return sides


def _divide(documents, share):
    held_out = set(by_hash({_text_of(piece) for pieces in documents for piece in pieces}, share)[0])
    learnt = {
        paragraph.strip()
        for pieces in documents
        for piece in pieces
        if _text_of(piece) not in held_out
        for paragraph in piece
    }
    sides = [], []
    for pieces in documents:
        placed = [
            (paragraph, _text_of(piece) in held_out and paragraph.strip() not in learnt)
            for piece in pieces
            for paragraph in piece
        ]
        for side, run in groupby(placed, key=itemgetter(1)):
            sides[side].append("\n\n".join(paragraph for paragraph, _ in run))
    return sides


def _text_of(piece):
    return "\n\n".join(paragraph.strip() for paragraph in piece)


def describe(reading, what):
    """A Text or Samples in words: its form, its documents and tokens, and how some are held out."""
    read = f" is {reading.form}" if reading.form else ""
    if reading.documents is None:
        counts = [f"{len(tokens):,} tokens" for tokens in (reading.train, reading.held_out)]
        return f"{reading.name}{read}: {counts[0]} to learn from; {counts[1]} held out"
    counts = [
        f"{len(tokens):,} tokens in {count:,} {what}{'s' if count != 1 else ''}"
        for count, tokens in zip(reading.documents, (reading.train, reading.held_out))
    ]
    chosen = f"chosen by a hash of {reading.hashed}"
    return f"{reading.name}{read}: {counts[0]} to learn from; {counts[1]} held out, {chosen}"
