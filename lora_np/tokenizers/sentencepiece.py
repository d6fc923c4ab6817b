"""SentencePiece's BPE (Kudo & Richardson 2018, arXiv 1808.06226): of tokenizer.model, or GGUF's.

It writes a space as ▁, one before each text too, and joins the two neighbours whose piece has the
highest score, wherever they are, the first of equals. What is in no piece is its bytes. As BPE:
every pair that makes a piece, in the order of the pieces' scores. Mistral's runs of spaces have one
score: there the first of equals is the run that has begun to grow, so the longer left half.
"""

from dataclasses import dataclass

from ..system.extras import import_extra
from .bpe import in_words

NORMAL, UNKNOWN, CONTROL, WRITTEN = 1, 2, 3, 4  # text; none; never spelt; always whole
SPACE = "\u2581"
LONGEST = 1000  # characters of a piece
SIZE_LIMIT = 1 << 26  # bytes of a file; Mistral's has half a million
MOST = 1 << 21  # pairs of pieces that make a piece: 0.6 GB while they are sorted


@dataclass(frozen=True)
class Pieces:
    """A vocabulary: each piece's text, score and kind, and whether a space begins each text."""

    words: list[str]
    scores: list[float]
    kinds: list[int]
    prefix: bool = True
    bos: str | None = None
    eos: str | None = None


def read_pieces(path):
    """The Pieces of a tokenizer.model, by the library's own description of its fields.

    Raises: ImportError without `sentencepiece` and `protobuf`; ValueError for a file that is not
    whole, or text that is cut up or changed in another way than above.
    """
    import_extra("sentencepiece")
    import_extra("google.protobuf", "protobuf")
    schema = import_extra("sentencepiece.sentencepiece_model_pb2", "sentencepiece")
    if path.stat().st_size > SIZE_LIMIT:
        raise ValueError(f"{path}: expected at most {SIZE_LIMIT:,} bytes")
    with in_words(path):
        model = schema.ModelProto.FromString(path.read_bytes())
    said, text = model.trainer_spec, model.normalizer_spec
    kind = said.ModelType.Name(said.model_type)
    wrong = {
        f"model_type {kind}": kind != "BPE",
        f"the normalization {text.name!r}": bool(text.precompiled_charsmap),
        "remove_extra_whitespaces": text.remove_extra_whitespaces,
        "no escape_whitespaces": not text.escape_whitespaces,
        "treat_whitespace_as_suffix": said.treat_whitespace_as_suffix,
        "a denormalization": bool(model.denormalizer_spec.precompiled_charsmap),
        "no pieces": not model.pieces,
    }
    if any(wrong.values()):
        found = ", ".join(what for what, there in wrong.items() if there)
        raise ValueError(f"{path}: not a SentencePiece BPE that this library applies: {found}")
    words = [piece.piece for piece in model.pieces]
    ends = [words[i] if 0 <= i < len(words) else None for i in (said.bos_id, said.eos_id)]
    scores, kinds = ([getattr(p, name) for p in model.pieces] for name in ("score", "type"))
    return Pieces(words, scores, kinds, text.add_dummy_prefix, *ends)


def rules_of(library, pieces, place):
    """The `tokenizers.Tokenizer` of these Pieces, but for its marks; `library` is `tokenizers`.

    Raises: ValueError, naming `place`, for lists that do not fit each other.
    """
    words, scores, kinds = pieces.words, pieces.scores, pieces.kinds
    vocab = {word: i for i, word in enumerate(words)}
    if not len(vocab) == len(words) == len(scores) == len(kinds):
        raise ValueError(f"{place}: the tokenizer's lists do not fit each other")
    if max(map(len, words)) > LONGEST:
        raise ValueError(f"{place}: expected tokens of at most {LONGEST} characters")
    text, pairs = {word for word, kind in zip(words, kinds) if kind == NORMAL}, []
    for word in text:
        halves = ((word[:at], word[at:]) for at in range(1, len(word)))
        found = [(a, b) for a, b in halves if a in text and b in text]
        score = scores[vocab[word]]
        pairs += [(-score, -len(a), vocab[a], vocab[b]) for a, b in found]
        if len(pairs) > MOST:
            raise ValueError(f"{place}: more than {MOST:,} pairs of its pieces make a piece")
    merges = [(words[a], words[b]) for *_, a, b in sorted(pairs)]
    unknown = next((word for word, kind in zip(words, kinds) if kind == UNKNOWN), None)
    options = {"unk_token": unknown, "fuse_unk": True, "byte_fallback": True}
    with in_words(place):
        rules = library.Tokenizer(library.models.BPE(vocab=vocab, merges=merges, **options))
    steps, back = library.normalizers, library.decoders
    first = [steps.Prepend(SPACE)] if pieces.prefix else []
    rules.normalizer = steps.Sequence([*first, steps.Replace(" ", SPACE)])
    last = [back.Strip(" ", 1, 0)] if pieces.prefix else []
    rules.decoder = back.Sequence(
        [back.Replace(SPACE, " "), back.ByteFallback(), back.Fuse(), *last]
    )
    return rules


def add_marks(library, rules, words, kinds):
    """Add what no text spells, and what is always whole: behind those a text begins anew, with its
    space, as in llama.cpp. Returns the rules."""
    rules.add_special_tokens([word for word, kind in zip(words, kinds) if kind == CONTROL])
    whole = [word for word, kind in zip(words, kinds) if kind == WRITTEN]
    rules.add_tokens([library.AddedToken(word, normalized=False) for word in whole])
    return rules
