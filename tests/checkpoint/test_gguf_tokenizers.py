"""GGUF's vocabularies: SentencePiece's, joined by scores; the cuts of Llama 3 and Qwen2."""

import numpy as np
import pytest

from helpers.gguf_files import write_vocabulary
from helpers.tokenizer_files import write_tokenizer
from lora_np.checkpoint import load_tokenizer

gguf = pytest.importorskip("gguf", reason="the optional extra `llm`")
tokenizers = pytest.importorskip("tokenizers", reason="the optional extra `llm`")
pytestmark = [pytest.mark.extra("gguf"), pytest.mark.extra("tokenizers")]
NORMAL, UNKNOWN, CONTROL, WRITTEN, BYTE = 1, 2, 3, 4, 6


def write(path, *lists, **settings):
    write_vocabulary(path, *lists, **settings)
    return load_tokenizer(path)


SPACE = "\u2581"
LETTERS = [SPACE, *"abcehst"]
MARKS = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
TEXTS = [
    "a",
    "",
    " ",
    "the cat sat",
    "  two  spaces ",
    "a\nb\t",
    "\u00e9t\u00e9 \u65e5",
    "aaaa",
    "<s>",
]


def pieces(seed):
    """Letters, and words that were joined out of pairs, the earlier the higher their score."""
    rng, words = np.random.default_rng(seed), list(LETTERS)
    while len(words) < 60:
        a, b = (words[i] for i in rng.integers(0, len(words), 2))
        if a + b not in words and len(a + b) < 6:
            words.append(a + b)
    return words


def cut_by_scores(text, words):
    """SentencePiece's own way: of all neighbours that make a token join those of the highest score,
    the first ones of equals, until none do; what is no token is its bytes."""
    score = {word: -i for i, word in enumerate(words)}
    parts = list((SPACE + text).replace(" ", SPACE)) if text else []
    while True:
        joined = [(score.get(a + b, -np.inf), -i) for i, (a, b) in enumerate(zip(parts, parts[1:]))]
        best, at = max(joined, default=(-np.inf, 0))
        if best == -np.inf:
            break
        parts[-at : -at + 2] = ["".join(parts[-at : -at + 2])]
    spelt = ([p] if p in score else [f"<0x{b:02X}>" for b in p.encode()] for p in parts)
    return [part for each in spelt for part in each]


def sentencepiece(path, words, **settings):
    every = [*MARKS, *BYTES, *words]
    types = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256, *[NORMAL] * len(words)]
    scores = [0.0] * 259 + [-float(i) for i in range(len(words))]
    return every, write(path, "llama", every, types, scores=scores, **settings)


@pytest.mark.parametrize("seed", range(5))
def test_sentencepiece_joins_the_highest_score_first(seed, tmp_path):
    words, rng = pieces(seed), np.random.default_rng(seed)
    every, tokenizer = sentencepiece(tmp_path / "m.gguf", words)
    drawn = ["".join(rng.choice([*"abcehst "], 12)) for _ in range(40)]
    for text in [*TEXTS, *drawn]:
        ids = tokenizer.encode(text).tolist()
        assert [every[i] for i in ids] == cut_by_scores(text, words), text
        assert tokenizer.decode(ids) == text
    assert tokenizer.encode_marked("<s>").tolist() == [1]


def test_it_begins_a_text_unless_told_not_to(tmp_path):
    marks, words = {"bos_token_id": 1, "eos_token_id": 2}, pieces(0)
    _, begins = sentencepiece(tmp_path / "a.gguf", words, **marks)
    _, silent = sentencepiece(tmp_path / "b.gguf", words, **marks, add_bos_token=False)
    assert begins.encode("the cat").tolist() == [1, *silent.encode("the cat")]
    begins.save(tmp_path)
    assert load_tokenizer(tmp_path).encode("the cat").tolist() == begins.encode("the cat").tolist()
    _, bare = sentencepiece(tmp_path / "c.gguf", words, add_space_prefix=False)
    assert bare.decode(bare.encode(" the")) == " the" and bare.encode("a").size == 1


def byte_words():
    return [*sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())]


def test_cuts_of_llama_3_and_qwen(tmp_path):
    """Digits by threes, and alone; a word that is a token is one, though no pairs lead to it, and
    a space before it is of the word."""
    words = [*byte_words(), "12", "123", "ab", "abc", "Ġab", "<|eot|>", "<tool>"]
    types = [*[NORMAL] * (len(words) - 2), CONTROL, WRITTEN]
    place = {word: i for i, word in enumerate(words)}
    merges = ["1 2", "12 3", "a b"]
    made = {
        cut: write(tmp_path / f"{cut}.gguf", "gpt2", words, types, merges, pre=cut)
        for cut in ("llama-bpe", "qwen2", "gpt-2", "smollm")
    }

    def cut(name, text):
        return [words[i] for i in made[name].encode(text)]

    assert cut("llama-bpe", "1231") == ["123", "1"] and cut("qwen2", "123") == ["1", "2", "3"]
    assert cut("gpt-2", "1231") == ["123", "1"] and cut("smollm", "123") == ["1", "2", "3"]
    assert cut("llama-bpe", "abc") == ["abc"] and cut("gpt-2", "abc") == ["ab", "c"]
    assert cut("llama-bpe", "ab ab") == ["ab", "Ġab"]
    assert made["qwen2"].encode("e\u0301").tolist() == made["qwen2"].encode("\u00e9").tolist()
    for tokenizer in made.values():
        assert tokenizer.encode("<tool>").tolist() == [place["<tool>"]]
        assert (
            tokenizer.encode("<|eot|>").size > 1 and tokenizer.special("<|eot|>") == len(words) - 2
        )
        assert (
            tokenizer.decode(tokenizer.encode("It's 12 o'clock\n\n ok")) == "It's 12 o'clock\n\n ok"
        )


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("bert", {}, "expected a gpt2 or llama tokenizer, got bert"),
        ("gpt2", {"pre": "tekken"}, "cut as gpt-2, smollm, llama-bpe, qwen2, got tekken"),
        ("llama", {}, "no setting tokenizer.ggml.scores"),
    ],
)
def test_what_is_not_known_is_refused_by_name(kind, settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "m.gguf", kind, ["a", "b"], [NORMAL, NORMAL], ["a b"], **settings)
    write_tokenizer(tmp_path / "json")
    assert load_tokenizer(tmp_path / "json").encode("ab").tolist() == [6]
