"""Our reading of the format's rules, for where its library is not, agrees with the library."""

import json
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from helpers.safetensors_files import save_file
from lora_np.checkpoint import safetensors_check
from lora_np.checkpoint.safetensors_check import BITS, check_by_rules
from lora_np.checkpoint.safetensors_io import open_tensors
from robustness import fuzz_files

library = pytest.importorskip("safetensors")

GOOD = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
LARGE = [2**31, 2**63, 2**64 - 1, 2**64]
SIZES = st.sampled_from([0, 1, 2, 3, 4, 8, -1, 1.0, True, None, "1", *LARGE])
VALUES = st.recursive(
    SIZES | st.sampled_from(["F32", {}, [], 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=3,
)
TENSORS = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from([*BITS, "F32", "F32", "F32", "I4"]) | VALUES,
        "shape": st.lists(SIZES, max_size=3) | VALUES,
        "data_offsets": st.tuples(st.sampled_from([0, 0, 4]), st.sampled_from([4, 8, 0])) | VALUES,
    },
    optional={"more": VALUES},
)
HEADERS = st.dictionaries(
    st.sampled_from(["a", "b", "\ud800", "é", "__metadata__"]), TENSORS | st.just(GOOD) | VALUES
)
PIECES = st.sampled_from(
    ['"a":', '"b":', '"__metadata__":', "{", "}", "[", "]", ",", "null", "-0", "1e400", "NaN", "01"]
    + ['"dtype":"F32",', '"shape":[1],', '"data_offsets":[0,4]', '"\\ud83d\\ude00"', '"\\ud83d"']
    + ["9" * 400, "[" * 125 + "]" * 125, "[" * 126 + "]" * 126, '{"x":"y"}', " ", "\x7f", "\n"]
)


def verdict(check, path):
    """None, or the error's kind: what stands before the details."""
    try:
        check(path)
    except (library.SafetensorError, ValueError) as error:
        words = str(error).split(": ")[1]
        return "byte boundary" if "byte boundary" in words else words.split(" `")[0]


def theirs(path):
    with library.safe_open(path, framework="numpy"):
        pass


def agree(path, header, numbers):
    path.write_bytes(len(header).to_bytes(8, "little") + header + numbers)
    expected, found = verdict(theirs, path), verdict(check_by_rules, path)
    assert (found is None) == (expected is None)
    offsets = re.findall(rb'"data_offsets": ?(.{5})', header)
    if len(set(offsets)) == len(offsets):  # else the library may begin with either tensor
        assert found == expected
    return expected


@given(header=HEADERS, numbers=st.sampled_from([0, 3, 4, 8]))
@example({"a": GOOD}, 4)
@example({"a": {**GOOD, "shape": [0, 2**63, 2**63], "data_offsets": [0, 0]}}, 0)
@example({"a": {**GOOD, "shape": [2**63, 2**63, 0], "data_offsets": [0, 0]}}, 0)
@example({"a": {**GOOD, "dtype": "F4", "shape": [3], "data_offsets": [0, 1]}}, 1)
@example({"a": {**GOOD, "dtype": "F6_E2M3", "shape": [4], "data_offsets": [0, 3]}}, 3)
@example({"b": {**GOOD, "data_offsets": [4, 8]}, "a": GOOD}, 8)
@example({"__metadata__": None, "a": GOOD}, 4)
@example({"__metadata__": {"x": None}}, 0)
def test_a_header_is_refused_in_the_librarys_words(tmp_path_factory, header, numbers):
    path = tmp_path_factory.getbasetemp() / "header.safetensors"
    agree(path, json.dumps(header).encode(), bytes(numbers))


@given(pieces=st.lists(PIECES, max_size=6), where=st.integers(0, 60), cut=st.integers(0, 3))
def test_so_is_one_that_is_hardly_json(tmp_path_factory, pieces, where, cut):
    text = json.dumps({"__metadata__": {"x": "y"}, "a": {"more": 1, **GOOD}})
    text = text[:where] + "".join(pieces) + text[where + cut :]
    path = tmp_path_factory.getbasetemp() / "pieces.safetensors"
    agree(path, text.encode(errors="surrogatepass"), bytes(4))


NUMBERS = ["0", "-0", "1", "1.0", "1e0", "-1", "9" * 19, "9" * 20, "9" * 400, "1e400"]
NUMBERS += [str(size + more) for size in (2**63, 2**64) for more in (-1, 0)] + [str(-(2**63) - 1)]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:24])
def test_a_number_is_one_wherever_it_is_one_to_the_library(tmp_path, number):
    header = json.dumps({"a": {**GOOD, "more": 1}})
    for place in ("[1]", "[0, ", "4]", " 1}"):
        text = header.replace(place, place.replace(place.strip("[], }"), number))
        agree(tmp_path / "number.safetensors", text.encode(), bytes(4))


@pytest.mark.parametrize("about", [["F32", [1], [0, 4]], {**GOOD, "dtype": {"F32": None}}])
def test_two_forms_that_only_the_library_takes_are_read_by_nothing_here(tmp_path, about):
    header, path = json.dumps({"a": about}).encode(), tmp_path / "odd"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    assert verdict(theirs, path) is None
    with pytest.raises(ValueError, match="invalid JSON in header"):
        check_by_rules(path)
    with pytest.raises(ValueError, match="not a readable safetensors file"), open_tensors(path):
        pass


@given(places=st.lists(st.sampled_from([(0, 4), (4, 8), (8, 12)]), min_size=2, max_size=4))
@example([(0, 4), (4, 8)])
@example([(0, 4), (0, 4)])
@example([(4, 8), (0, 4)])
def test_of_a_name_that_is_there_twice_the_last_counts(tmp_path_factory, places):
    """So the first's numbers belong to nobody, and the file is refused if they lie elsewhere."""
    path, pairs = tmp_path_factory.getbasetemp() / "twice.safetensors", zip("aaba", places)
    header = ",".join(f'"{n}": {json.dumps(GOOD | {"data_offsets": at})}' for n, at in pairs)
    agree(path, f"{{{header}}}".encode(), bytes(max(max(places))))


NOT_COVERED = "incomplete metadata, file not fully covered"
ODD = {
    "header too small": (b"", b"1234567", b"\0"),
    "header too large": (b"\xff" * 8, (100_000_001).to_bytes(8, "little")),
    "invalid header length": (b"\2" + bytes(7) + b"{",),
    "invalid UTF-8 in header": (b"\2" + bytes(7) + b"\xff\xfe",),
    "invalid JSON in header": (bytes(8), b"\1" + bytes(7) + b"["),
    NOT_COVERED: (b"\2" + bytes(7) + b"{}\0",),
}


@pytest.mark.parametrize("kind", ODD)
def test_so_is_a_file_that_is_none(tmp_path, kind):
    path = tmp_path / "odd"
    for content in ODD[kind]:
        path.write_bytes(content)
        assert verdict(theirs, path) == verdict(check_by_rules, path) == kind


@given(seed=st.integers(0, 2**32 - 1))
def test_what_the_library_writes_passes(tmp_path_factory, seed):
    rng, path = np.random.default_rng(seed), tmp_path_factory.getbasetemp() / "whole.safetensors"
    kinds = enumerate(["f2", "i4", "?"])
    tensors = {f"é{i}": np.ones(rng.integers(0, 3, i), kind) for i, kind in kinds}
    save_file(tensors, path, {"é": '\\"\n'})
    check_by_rules(path)
    path.write_bytes(path.read_bytes() + b"\0")
    assert verdict(check_by_rules, path) == verdict(theirs, path) == NOT_COVERED


def test_damaged_files_end_alike(monkeypatch):
    """The same damage, read with the library and without: the same files load."""
    pytest.importorskip("resource")
    with_it = fuzz_files.run(150, seed=1)
    monkeypatch.setattr(safetensors_check, "library", None)
    assert fuzz_files.run(150, seed=1) == with_it
