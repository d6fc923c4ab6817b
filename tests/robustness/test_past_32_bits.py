"""Places and counts that no number of 32 bits holds: files past 4 GiB, weights past 2³¹ numbers.

Files are sparse and weights repeat one number, so that neither disk nor memory is taken.
"""

import sys
from numbers import Integral

import numpy as np
import pytest

from lora_np import methods
from lora_np.checkpoint.gguf import open_gguf
from lora_np.checkpoint.safetensors_io import json, open_tensors
from lora_np.memory import formulas
from lora_np.methods.sparse_and_spectral.places import MOST, first_of_permutation
from lora_np.nn import GPTConfig, Linear, LlamaConfig
from lora_np.nn.module import Module
from lora_np.quant import FORMATS

ROWS, WIDTH = 5 << 10, 1 << 18  # 5 GiB of float32
BYTES = ROWS * WIDTH * 4
LAST = np.array([1.5, -2.0], np.float32)
sparse = pytest.mark.skipif(sys.platform in ("win32", "emscripten"), reason="no sparse files")


def write(path, header, size, row):
    """A file of zeros behind its header, but for its last bytes and the end of the large tensor."""
    with open(path, "wb") as file:
        file.write(header)
        file.truncate(len(header) + size + row.nbytes)
        for place in (size - row.nbytes, size):
            file.seek(len(header) + place)
            file.write(row.tobytes())


@sparse
def test_a_safetensors_file(tmp_path):
    header = json.dumps({
        "large": {"dtype": "F32", "shape": [ROWS, WIDTH], "data_offsets": [0, BYTES]},
        "last": {"dtype": "F32", "shape": [2], "data_offsets": [BYTES, BYTES + 8]},
    }).encode()  # fmt: skip
    write(tmp_path / "a", len(header).to_bytes(8, "little") + header, BYTES, LAST)
    with open_tensors(tmp_path / "a") as stored:
        assert np.array_equal(stored["last"].read(), LAST)
        row = stored["large"][ROWS - 1 : ROWS]
        assert np.array_equal(row[0, -2:], LAST) and not row[0, :-2].any()


@sparse
@pytest.mark.extra("gguf")
def test_a_gguf_file(tmp_path):
    pytest.importorskip("gguf", reason="the optional extra `llm`")

    def u(size, *numbers):
        return b"".join(number.to_bytes(size, "little") for number in numbers)

    def tensor(name, *shape, place):
        return u(8, len(name)) + name + u(4, len(shape)) + u(8, *shape) + u(4, 0) + u(8, place)

    header = b"GGUF" + u(4, 3) + u(8, 2, 0) + tensor(b"large", WIDTH, ROWS, place=0)
    header += tensor(b"last", 2, place=BYTES)
    write(tmp_path / "a.gguf", header.ljust(-(-len(header) // 32) * 32, b"\0"), BYTES, LAST)
    tensors = open_gguf(tmp_path / "a.gguf").tensors
    assert np.array_equal(tensors["last"].read(), LAST)
    assert np.array_equal(tensors["large"][ROWS - 1 : ROWS][0, -2:], LAST)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", [np.int64, np.int32])
def test_bytes_of_a_format_are_those_of_its_blocks(name, kind):
    """A thousand times the blocks, a thousand times the bytes more, whatever counts them."""
    form = FORMATS[name]
    little, much = form.block_size << 10, form.block_size << 30
    more, first = form.nbytes(2 * much) - form.nbytes(much), form.nbytes(little)
    assert more == (form.nbytes(2 * little) - first) << 20
    assert form.nbytes(kind(2**31 - 1)) == form.nbytes(2**31 - 1)


@pytest.mark.parametrize("kind", [np.int32, np.uint16])
def test_counts_by_formula_take_numpys_numbers(kind):
    sizes = 12288, 96, 50257, 2048
    shape = formulas.gpt2_shape(*map(kind, sizes))
    assert shape == formulas.MODELS["gpt3-175b"] and type(shape.weights) is int
    assert shape.lora(kind(4)) == formulas.MODELS["gpt3-175b"].lora(4)


def test_settings_hold_pythons_own_whole_numbers():
    """So nothing that is counted by them overflows, and JSON takes them."""
    configs = [GPTConfig(*map(np.int32, (50257, 1024, 12288, 96, 96)))]
    configs += [LlamaConfig(*map(np.int64, (32000, 64, 128, 2, 4))), methods.SHiRA(np.int32(8))]
    for config in configs:
        numbers = [n for n in vars(config).values() if isinstance(n, Integral)]
        assert numbers and all(type(n) in (int, bool) for n in numbers)
    assert formulas.activations(configs[0], 64, 1024) > 2**40


class OneLayer(Module):
    def __init__(self, side):
        self.layer = Linear(np.broadcast_to(np.float32(0.5), (side, side)))


def test_places_in_a_weight_past_32_bits():
    """SHiRA's lie within it, all over it, each once."""
    side = 1 << 16
    layer = methods.SHiRA(2).apply(OneLayer(side), np.random.default_rng(0)).layer
    j, k = layer.places.astype(np.int64)
    assert len(np.unique(j * side + k)) == len(j) == 2 * 2 * side
    for each in (j, k):
        assert 0 <= each.min() < side / 100 and side * 0.99 < each.max() < side


def test_places_that_torch_would_draw_otherwise_are_refused():
    assert len(set(first_of_permutation(MOST - 1, 9, 0).tolist())) == 9
    with pytest.raises(ValueError, match="fewer than 214,748,364 numbers"):
        methods.FourierFT(9).apply(OneLayer(1 << 14), np.random.default_rng(0))
