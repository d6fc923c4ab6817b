"""The rules of a GGUF file's vocabulary: `gpt2`, byte-level BPE, or `llama`, SentencePiece's BPE.

What a text is cut into before pairs are joined is no list in the file but a name, whose meaning
is each model's own tokenizer.json.
"""

from .bpe import in_words
from .sentencepiece import Pieces, add_marks, rules_of

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
    if kind == "gpt2":
        rules = byte_level(library, file, words, kinds)
    else:
        scores = file.get("tokenizer.ggml.scores", float)
        prefix = file.get("tokenizer.ggml.add_space_prefix", bool, True)
        rules = rules_of(library, Pieces(words, scores, kinds, prefix), file.path)
    return add_marks(library, rules, words, kinds)


def byte_level(library, file, words, kinds):
    """Byte-level BPE: GPT-2's, SmolLM's (each digit alone), Llama 3's and Qwen2's cuts."""
    cut, vocab = file.get("tokenizer.ggml.pre", str), {word: i for i, word in enumerate(words)}
    if not len(vocab) == len(words) == len(kinds):
        raise ValueError(f"{file.path}: the tokenizer's lists do not fit each other")
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
