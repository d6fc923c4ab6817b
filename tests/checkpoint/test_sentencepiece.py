"""tokenizer.model, and the same lists in a GGUF file: texts are cut as SentencePiece cuts them."""

import json
import os
import shutil

import pytest

from golden.readers.golden_hf import GOLDEN
from helpers.gguf_files import write_vocabulary
from helpers.tokenizer_files import write_llama
from lora_np.checkpoint import load_model, load_tokenizer
from lora_np.tokenizers.sentencepiece import CONTROL, read_pieces
from lora_np.tokenizers.special_tokens import stop_tokens

HERE = GOLDEN / "sentencepiece"
CASES = json.loads((HERE / "expected.json").read_text())
cases = pytest.mark.parametrize("name", CASES)


def needs(*names):
    """Marks of a test, one for each optional library."""

    def marked(test):
        for name in names:
            test = pytest.mark.extra(name)(test)
        return test

    return marked


in_gguf = needs("gguf", "tokenizers")
by_model = needs("sentencepiece", "google.protobuf", "tokenizers")


def holds(tokenizer, case):
    """Each text's tokens, and what they read as."""
    for text, ids, back in case["texts"]:
        assert tokenizer.encode(text, False).tolist() == ids, text
        assert tokenizer.decode(ids) == back.replace(" \u2047 ", "<unk>"), text
    for i, (word, _, kind) in enumerate(case["pieces"]):
        if kind == CONTROL:
            assert tokenizer.encode_marked(word).tolist() == [i]


@cases
@by_model
def test_a_tokenizer_model_is_sentencepieces(name):
    tokenizer = load_tokenizer(HERE / name)
    holds(tokenizer, CASES[name])
    ends = (2,) if name != "no_space_no_bytes" else ()
    assert stop_tokens(tokenizer) == ends
    assert tokenizer.encode("").tolist() == [1]  # begun, as a GGUF's are


@by_model
@pytest.mark.parametrize("bos", [-1, "pieces"])
def test_a_mark_that_is_in_no_piece_is_none(bos, tmp_path):
    """As −1 says, and the number of pieces."""
    from sentencepiece import sentencepiece_model_pb2

    file = HERE / "like_llama" / "tokenizer.model"
    model = sentencepiece_model_pb2.ModelProto.FromString(file.read_bytes())
    last = len(model.pieces) - 1
    model.trainer_spec.bos_id = last + 1 if bos == "pieces" else bos
    model.trainer_spec.eos_id = last
    (tmp_path / "tokenizer.model").write_bytes(model.SerializeToString())
    pieces = read_pieces(tmp_path / "tokenizer.model")
    assert pieces.bos is None and pieces.eos == model.pieces[last].piece


@cases
@in_gguf
def test_so_are_the_same_lists_in_a_gguf(name, tmp_path):
    words, scores, kinds = map(list, zip(*CASES[name]["pieces"]))
    settings = {"add_space_prefix": CASES[name]["prefix"]}
    write_vocabulary(tmp_path / "m.gguf", "llama", words, kinds, scores=scores, **settings)
    holds(load_tokenizer(tmp_path / "m.gguf"), CASES[name])


@cases
@by_model
def test_saved_it_is_a_tokenizer_json(name, tmp_path):
    load_tokenizer(HERE / name).save(tmp_path)
    holds(load_tokenizer(tmp_path), CASES[name])


@by_model
def test_a_llama_with_nothing_but_a_tokenizer_model(tmp_path):
    """And the settings beside it, where there are any, are the ones that count."""
    write_llama(tmp_path, config={"bos_token_id": 1, "eos_token_id": 2})
    (tmp_path / "tokenizer.json").unlink()
    shutil.copy(HERE / "like_llama" / "tokenizer.model", tmp_path)
    tokenizer = load_model(tmp_path)[1]
    assert tokenizer.encode("a").tolist()[0] == 1 and tokenizer.end == 2
    said = {"add_bos_token": False, "add_eos_token": True, "bos_token": "<s>", "eos_token": "</s>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(said))
    ids = load_tokenizer(tmp_path).encode("a").tolist()
    assert ids[0] != 1 and ids[-1] == 2


def changed(change):
    from sentencepiece import sentencepiece_model_pb2 as schema

    path = HERE / "like_llama" / "tokenizer.model"
    model = schema.ModelProto.FromString(path.read_bytes())
    change(model)
    return model.SerializeToString()


def unigram(model):
    model.trainer_spec.model_type = 1


def folded(model):
    model.normalizer_spec.precompiled_charsmap = b"x"
    model.normalizer_spec.name = "nmt_nfkc"


def stripped(model):
    model.normalizer_spec.remove_extra_whitespaces = True


def unescaped(model):
    model.normalizer_spec.escape_whitespaces = False


def suffixed(model):
    model.trainer_spec.treat_whitespace_as_suffix = True


def folded_back(model):
    model.denormalizer_spec.precompiled_charsmap = b"x"


def twice(model):
    model.pieces[300].piece = model.pieces[301].piece


def long(model):
    model.pieces[300].piece = "x" * 1001


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (unigram, "not a SentencePiece BPE that .*: model_type UNIGRAM"),
        (folded, "the normalization 'nmt_nfkc'"),
        (stripped, "remove_extra_whitespaces"),
        (unescaped, "applies: no escape_whitespaces$"),
        (suffixed, "applies: treat_whitespace_as_suffix$"),
        (folded_back, "applies: a denormalization$"),
        (twice, "the tokenizer's lists do not fit each other"),
        (long, "expected tokens of at most 1000 characters"),
        (lambda model: model.Clear(), "model_type UNIGRAM, .*, no pieces"),
    ],
)
@by_model
def test_what_is_cut_otherwise_is_refused_by_name(change, message, tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(changed(change))
    with pytest.raises(ValueError, match=message):
        load_tokenizer(tmp_path)


@by_model
def test_a_list_of_pieces_that_fill_each_other_is_refused(tmp_path, monkeypatch):
    """A file of runs of one letter holds as many pairs as the square of its pieces."""
    (tmp_path / "tokenizer.model").write_bytes(changed(lambda model: None))
    load_tokenizer(tmp_path)
    monkeypatch.setattr("lora_np.tokenizers.sentencepiece.MOST", 100)
    with pytest.raises(ValueError, match="tokenizer.model: more than 100 pairs of its pieces"):
        load_tokenizer(tmp_path)


@by_model
def test_a_file_far_larger_than_any_is_not_read(tmp_path):
    (tmp_path / "tokenizer.model").touch()
    os.truncate(tmp_path / "tokenizer.model", 2**26 + 1)
    with pytest.raises(ValueError, match="tokenizer.model: expected at most 67,108,864 bytes"):
        load_tokenizer(tmp_path)


@by_model
def test_a_file_that_is_none(tmp_path):
    """As Llama 3's, which has that name and is a list in base64."""
    (tmp_path / "tokenizer.model").write_bytes(b"IQ== 0\nIg== 1\nIw== 2\n")
    with pytest.raises(ValueError, match="tokenizer.model: not a readable tokenizer"):
        load_tokenizer(tmp_path)
