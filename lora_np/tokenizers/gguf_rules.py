"""The rules of a GGUF file's vocabulary: `gpt2`, byte-level BPE, or `llama`, SentencePiece's BPE.

What a text is cut into before pairs are joined is no list in the file but a name, whose meaning
is each model's own tokenizer.json.
"""

from .bpe import in_words

UNKNOWN, CONTROL, WRITTEN = 2, 3, 4  # GGUF's marks of tokens: of no text; never spelt; always whole
SPACE = "\u2581"  # how SentencePiece writes a space
# A contraction; letters behind at most one other sign; digits; signs; ends of lines; spaces.
CUT = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*"""
CUT += r"""|\s*[\r\n]+|\s+(?!\S)|\s+"""
CUTS = {  # tokenizer.ggml.pre: how text is cut, or None as GPT-2 does
    "gpt-2": None,
    "smollm": None,  # and each digit alone
    "llama-bpe": CUT % r"\p{N}{1,3}",
    "qwen2": CUT % r"\p{N}",
}


def rules_from_gguf(library, file):
    """The `tokenizers.Tokenizer` of a file's lists; `library` is `tokenizers`.

    Raises: ValueError for another kind of vocabulary, or lists that do not fit each other.
    """
    kind = file.get("tokenizer.ggml.model", str)
    if kind not in ("gpt2", "llama"):
        raise ValueError(f"{file.path}: expected a gpt2 or llama tokenizer, got {kind}")
    words = file.get("tokenizer.ggml.tokens", str)
    kinds = file.get("tokenizer.ggml.token_type", int)
    vocab = {word: i for i, word in enumerate(words)}
    if len(vocab) != len(words) or len(kinds) != len(words):
        raise ValueError(f"{file.path}: the tokenizer's lists do not fit each other")
    make = byte_level if kind == "gpt2" else sentencepiece
    rules = make(library, file, vocab, kinds)
    rules.add_special_tokens([word for word, kind in zip(words, kinds) if kind == CONTROL])
    whole = [word for word, kind in zip(words, kinds) if kind == WRITTEN]
    rules.add_tokens([library.AddedToken(word, normalized=False) for word in whole])
    return rules


def byte_level(library, file, vocab, kinds):
    """Byte-level BPE: GPT-2's, SmolLM's (each digit alone), Llama 3's and Qwen2's cuts."""
    cut = file.get("tokenizer.ggml.pre", str)
    if cut not in CUTS:
        known = ", ".join(CUTS)
        raise ValueError(f"{file.path}: expected a gpt2 tokenizer cut as {known}, got {cut}")
    merges = [tuple(pair.split(" ")) for pair in file.get("tokenizer.ggml.merges", str)]
    if any(len(pair) != 2 for pair in merges):
        raise ValueError(f"{file.path}: the tokenizer's lists do not fit each other")
    whole = cut == "llama-bpe"  # a word that is a token is that, whatever its pairs would make
    with in_words(file.path):
        model = library.models.BPE(vocab=vocab, merges=merges, ignore_merges=whole)
    rules, before = library.Tokenizer(model), library.pre_tokenizers
    by_regex = CUTS[cut] is not None
    cuts = [before.ByteLevel(add_prefix_space=False, use_regex=not by_regex)]
    if by_regex:
        cuts.insert(0, before.Split(library.Regex(CUTS[cut]), behavior="isolated"))
    if cut == "smollm":
        cuts.insert(0, before.Digits(individual_digits=True))
    if cut == "qwen2":
        rules.normalizer = library.normalizers.NFC()
    rules.pre_tokenizer, rules.decoder = before.Sequence(cuts), library.decoders.ByteLevel()
    return rules


def sentencepiece(library, file, vocab, kinds):
    """SentencePiece's BPE (Kudo & Richardson 2018, arXiv 1808.06226), with bytes for what it lacks.

    It joins the pair whose token has the highest score, wherever that is: as BPE with every pair
    that makes a token, in the order of the tokens' scores.
    """
    scores = file.get("tokenizer.ggml.scores", float)
    if len(scores) != len(vocab):
        raise ValueError(f"{file.path}: the tokenizer's lists do not fit each other")
    pairs = []
    for word, i in vocab.items():
        halves = ((word[:at], word[at:]) for at in range(1, len(word)))
        found = [(a, b) for a, b in halves if a in vocab and b in vocab]
        pairs += [(-scores[i], vocab[a], vocab[b], (a, b)) for a, b in found]
    merges = [pair for *_, pair in sorted(pairs)]
    unknown = next((word for word, i in vocab.items() if kinds[i] == UNKNOWN), None)
    options = {"unk_token": unknown, "fuse_unk": True, "byte_fallback": True}
    with in_words(file.path):
        rules = library.Tokenizer(library.models.BPE(vocab=vocab, merges=merges, **options))
    steps, back = library.normalizers, library.decoders
    prefix = file.get("tokenizer.ggml.add_space_prefix", bool, True)
    first = [steps.Prepend(SPACE)] if prefix else []
    rules.normalizer = steps.Sequence([*first, steps.Replace(" ", SPACE)])
    last = [back.Strip(" ", 1, 0)] if prefix else []
    rules.decoder = back.Sequence(
        [back.Replace(SPACE, " "), back.ByteFallback(), back.Fuse(), *last]
    )
    return rules
