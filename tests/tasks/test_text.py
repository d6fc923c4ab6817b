"""Bytes as tokens, and a split that nothing can leak across."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.tasks import text
from lora_np.tasks.held_out import hash_of
from lora_np.tokenizers import byte

WORDS = {f"document {i}": f"The text of document {i}, and no other. " * 3 for i in range(40)}


def counting(n=200, held_out=95):
    """A Text whose tokens are their own places, so that a window says where it came from."""
    places = np.arange(max(n, held_out), dtype=np.uint16)
    return text.Text("counting", places[:n], places[:held_out])


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_decode_undoes_encode(string):
    tokens = byte.encode(string)
    assert tokens.dtype == np.int64 and len(tokens) == len(string.encode())
    assert byte.decode(tokens) == string.replace("�", "?")


def test_decode_shows_what_is_no_text():
    assert byte.decode([byte.END, 72, 105, 0xE2, byte.END]) == "\n\nHi?\n\n"


def test_the_split_depends_on_nothing_but_the_name():
    """The same on every machine and in every run, so the side that these fall on is pinned."""
    assert [name for name in WORDS if hash_of(name) < 0.1] == ["document 21", "document 22"]


@given(st.sets(st.sampled_from(sorted(WORDS)), min_size=2))
def test_a_document_never_changes_sides(names):
    """Beside whatever others it stands; but the lowest hash is held out, the highest learnt."""
    half = text.split("some", {name: WORDS[name] for name in names})
    held_out, train = byte.decode(half.held_out), byte.decode(half.train)
    low = {name for name in names if hash_of(name) < 0.1} or {min(names, key=hash_of)}
    low -= {max(names, key=hash_of)}
    for name in names:
        assert (WORDS[name] in held_out) == (name in low)
        assert (WORDS[name] in train) == (name not in low)


def test_a_quotation_of_the_held_out_part_is_not_trained_on():
    quoted = "A paragraph that both documents hold, long enough to be no accident. " * 2
    names = "document 21", "document 1"  # held out, and not
    documents = {names[0]: f"one\n\n{quoted}\n\ntwo", names[1]: f"three\n\n{quoted}\n\nfour"}
    half = text.split("some", documents)
    assert byte.decode(half.held_out) == f"\n\none\n\n{quoted}\n\ntwo\n\n"
    assert byte.decode(half.train) == "\n\nthree\n\nfour\n\n"


def test_prose_and_code_are_there_and_apart():
    prose = text.prose()
    held_out, train = (
        {p.strip() for p in byte.decode(half).split("\n\n") if len(p.strip()) > 60}
        for half in (prose.held_out, prose.train)
    )
    assert len(held_out) > 10 and not held_out & train
    assert len(prose.train) > 200_000 and prose.train.max() == byte.END < byte.VOCABULARY
    code = text.code()
    source = byte.decode(code.train)
    assert len(code.train) > 1_000_000 and source.count("def ") > 5_000
    assert "topics = {" not in source, "the prose itself is a module; it is left out"


def test_batches_are_windows_of_the_text_in_the_order_of_the_rng():
    batch = next(counting().batches(np.random.default_rng(3), batch_size=5, length=7))
    assert batch.tokens.shape == (5, 7) and batch.tokens.dtype == np.int64
    assert (np.diff(batch.tokens, axis=1) == 1).all()
    assert (batch.targets == batch.tokens + 1).all() and (batch.weights == 1).all()
    again = next(counting().batches(np.random.default_rng(3), batch_size=5, length=7))
    assert (again.tokens == batch.tokens).all()
    many = next(counting(12).batches(np.random.default_rng(3), batch_size=400, length=7))
    assert set(many.tokens[:, 0]) == set(range(5)), "each place can be drawn, and no other"


@given(windows=st.integers(1, 30), length=st.integers(1, 30), batch_size=st.integers(1, 9))
def test_held_out_windows_are_the_same_and_never_overlap(windows, length, batch_size):
    def targets():
        batches = counting().held_out_batches(windows, batch_size, length)
        return np.concatenate([batch.targets for batch in batches])

    found = targets()
    assert found.shape == (min(windows, 94 // length), length)
    assert len(set(found.ravel())) == found.size and (targets() == found).all()


def test_a_text_shorter_than_a_window_is_named():
    with pytest.raises(ValueError, match="counting: 200 tokens hold no window of 200"):
        next(counting().batches(np.random.default_rng(0), length=200))
    with pytest.raises(ValueError, match="counting: 95 tokens held out hold no window of 100"):
        next(counting().held_out_batches(length=100))


def test_a_file_is_split_by_its_own_text(tmp_path):
    path = tmp_path / "own.txt"
    paragraphs = [f"Paragraph {i}. " + "Words that say little. " * 20 for i in range(60)]
    path.write_text("\n\n".join(paragraphs), encoding="utf-8")
    first = text.file(path)
    path.write_text("\n\n".join([*paragraphs, "More. " * 500]), encoding="utf-8")
    second = text.file(path)
    assert byte.decode(first.held_out)[:2000] == byte.decode(second.held_out)[:2000]
    both = byte.decode(first.train) + byte.decode(first.held_out)
    assert all(paragraph in both for paragraph in paragraphs)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "own.txt: No such file"),
        (b"\xff", "own.txt: expected UTF-8 text"),
        (b"short", "own.txt: expected two paragraphs, lines or rows that differ, .*, found one"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "own.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        text.file(tmp_path / "own.txt")


def test_one_document_cannot_be_split():
    with pytest.raises(ValueError, match="two documents or more to split, got 1"):
        text.split("lone", {"a": "b"})


def test_a_document_that_only_quotes_leaves_nothing():
    """All of its paragraphs are held out: an empty document is no error, and has no token."""
    reading = text.split("t", {str(i): "words and words " * 9 for i in range(5)})
    assert set(reading.train.tolist()) == {byte.END}
