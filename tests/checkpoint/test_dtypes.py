"""bfloat16 is the nearest there is, and files are those of the format's own library."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.models import small_gpt
from helpers.safetensors_files import save_file
from lora_np.checkpoint import load_gpt2, save_gpt2
from lora_np.checkpoint.dtypes import BFLOAT16, as_written, from_bfloat16, to_bfloat16
from lora_np.checkpoint.safetensors_io import open_tensors
from lora_np.checkpoint.safetensors_write import KINDS, save_tensors

HALVES = st.one_of(st.sampled_from([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF]), st.integers(0, 0xFFFF))


@given(upper=st.integers(0, 0xFFFF).filter(lambda u: u & 0x7F80 != 0x7F80), lower=HALVES)
def test_a_bfloat16_is_the_nearest_and_of_two_the_even(upper, lower):
    """Against the definition: of all numbers whose lower half is 0, those next to x."""
    x = np.uint32(upper << 16 | lower).view(np.float32)
    bits = int(to_bfloat16(np.array([x])).view(np.uint16)[0])
    below = int(x.view(np.uint32)) >> 16  # towards 0; the next one away from it is one more

    def distance(upper):
        # Past the largest, the next step counts as the number it would be, 2^128
        if upper & 0x7FFF == 0x7F80:
            return abs(2.0**128 - abs(float(x)))
        return abs(float(from_bfloat16(np.array([upper]))[0]) - float(x))

    assert bits in (below, below + 1)
    other = below + 1 if bits == below else below
    assert distance(bits) <= distance(other)
    if distance(bits) == distance(other):
        assert bits % 2 == 0


def test_known_bfloat16s():
    """As torch rounds them: a tie to even both ways, up into the next power, and to infinity."""
    numbers = np.array([1.0, 1.00390625, 1.01171875, -1.998046875, 0.0, -0.0, 3e-45, 3.4e38], "f4")
    bits = to_bfloat16(numbers).view(np.uint16)
    assert [hex(b) for b in bits[:6]] == "0x3f80 0x3f80 0x3f82 0xc000 0x0 0x8000".split()
    assert [hex(b) for b in bits[6:]] == "0x0 0x7f80".split()
    with pytest.raises(ValueError, match="who: w is not finite in bfloat16"):
        as_written(np.array([3.4e38]), "bfloat16", "who", "w")
    with pytest.raises(ValueError, match="who: w is not finite in bfloat16"):
        as_written(np.array([np.nan]), "bfloat16", "who", "w")


def test_a_model_in_bfloat16_is_half_as_large_and_near(tmp_path):
    model = small_gpt(dtype=np.float32)
    save_gpt2(model, tmp_path, "bfloat16")
    weight, again = model.wte.weight.data, load_gpt2(tmp_path).wte.weight.data
    assert np.array_equal(again, from_bfloat16(to_bfloat16(weight).view(np.uint16)))
    assert 0 < (np.abs(again - weight) / np.abs(weight)).max() <= 2.0**-8
    with open_tensors(tmp_path / "model.safetensors") as stored:
        assert {tensor.kind for tensor in stored.values()} == {"BF16"}


@given(seed=st.integers(0, 2**32 - 1))
def test_files_are_those_of_the_library(seed, tmp_path_factory):
    """Byte for byte, of any shapes, orders and dtypes that both can write."""
    pytest.importorskip("safetensors")
    rng, path = np.random.default_rng(seed), tmp_path_factory.mktemp("files")
    tensors = {}
    for dtype in rng.choice(
        [kind.str for kind in KINDS if kind != BFLOAT16] + [">f4", ">i2"], size=rng.integers(0, 6)
    ):
        shape = tuple(rng.integers(0, 4, size=rng.integers(0, 4)))
        name = "".join(rng.choice(list('ab.é"')) for _ in range(4)) + str(len(tensors))
        tensors[name] = np.asarray(100 * rng.random(shape)).astype(dtype)
    save_tensors(tensors, path / "ours", {"format": "pt"})
    save_file(tensors, path / "theirs", {"format": "pt"})
    assert (path / "ours").read_bytes() == (path / "theirs").read_bytes()
    transposed = {"a": np.ones((2, 3), BFLOAT16).T, "b": np.arange(6.0).reshape(2, 3).T}
    save_tensors(transposed, path / "turned", {})
    with open_tensors(path / "turned") as stored:
        assert stored["a"].shape == (3, 2)
        assert np.array_equal(stored["b"].read(np.float64), transposed["b"])
    with pytest.raises(ValueError, match="a is in complex128"):
        save_tensors({"a": np.ones(2, complex)}, path / "none", {})
