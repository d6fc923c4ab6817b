"""GGUF files: their numbers and their words, and headers that lie."""

import dataclasses
import struct
import tracemalloc

import numpy as np
import pytest

from helpers.gguf_files import write_gguf
from helpers.llamas import small_llama
from helpers.models import some_tokens
from lora_np.checkpoint import load_llama, load_tokenizer
from lora_np.checkpoint.gguf import open_gguf
from lora_np.nn import LlamaConfig
from lora_np.nn.rotary import Llama3Scaling, YarnScaling

gguf = pytest.importorskip("gguf", reason="the optional extra `llm`")
pytestmark = [pytest.mark.extra("gguf"), pytest.mark.extra("tokenizers")]
CONFIG = LlamaConfig(
    vocab_size=40,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=16,
    rope_theta=5e4,
)
HUGE = 2**62


def test_gguf(tmp_path):
    """Exact where nothing is quantized, near where it is; the tokenizer comes with it."""
    model, tokens = small_llama(CONFIG, np.float32), some_tokens(vocab=40)
    write_gguf(tmp_path / "exact.gguf", model, quantize=None)
    loaded = load_llama(tmp_path / "exact.gguf")
    assert dataclasses.asdict(loaded.config) == dataclasses.asdict(CONFIG)
    for (name, mine), theirs in zip(loaded.named_parameters(), model.parameters()):
        assert np.array_equal(mine.data, theirs.data), name
    write_gguf(tmp_path / "small.gguf", model)
    near = load_llama(tmp_path / "small.gguf")(tokens)
    assert 0 < np.abs(near - model(tokens)).max() < 0.2 * np.abs(model(tokens)).max()
    tokenizer = load_tokenizer(tmp_path / "small.gguf")
    assert tokenizer.encode("ab12").tolist() == [4, 5, 6] and tokenizer.end == 0
    assert tokenizer.decode([4, 5, 6]) == "ab12"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "gpt2"}, "expected the architecture llama or qwen2 or qwen3, got 'gpt2'"),
        ({"extra": {"llama.rope.scaling.yarn_ext_factor": 2.0}}, "yarn_ext_factor 2.0"),
        ({"extra": {"general.type": "adapter"}}, "an adapter, not a model"),
        ({"layers": 3}, "missing: layers.2.input_layernorm.weight"),
        ({"layers": 10**9}, "20 tensors are too few for 1000000000 layers"),
        ({"quantize": "MXFP4"}, "is in kind 39; expected one of F32"),
    ],
)
def test_what_a_gguf_may_not_say(changes, message, tmp_path):
    config = dataclasses.replace(CONFIG, hidden_size=256, intermediate_size=256, head_dim=64)
    model = small_llama(config if "quantize" in changes else CONFIG, np.float32)
    write_gguf(tmp_path / "model.gguf", model, **changes)
    with pytest.raises(ValueError, match=message) as error:
        load_llama(tmp_path / "model.gguf")
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize("ends", [{}, {"fast": 16.0}, {"slow": 2.0}, {"fast": 9.0, "slow": 3.0}])
def test_yarns_ends_are_those_of_a_gguf_or_the_usual(ends, tmp_path):
    config = dataclasses.replace(CONFIG, rope_scaling=YarnScaling(4.0, 8))
    said = {f"llama.rope.scaling.yarn_beta_{end}": value for end, value in ends.items()}
    write_gguf(tmp_path / "model.gguf", small_llama(config, np.float32), None, extra=said)
    fast, slow = ends.get("fast", 32.0), ends.get("slow", 1.0)
    scaling = load_llama(tmp_path / "model.gguf").config.rope_scaling
    assert scaling == YarnScaling(4.0, 8, beta_fast=fast, beta_slow=slow)


@pytest.mark.parametrize("second", [{"type": "yarn"}, {"factor": 2.0}], ids=str)
def test_a_gguf_with_two_scalings_is_refused(second, tmp_path):
    scaling = Llama3Scaling(8.0, 1.0, 4.0, 32)
    model = small_llama(dataclasses.replace(CONFIG, rope_scaling=scaling), np.float32)
    said = {f"llama.rope.scaling.{name}": value for name, value in second.items()}
    write_gguf(tmp_path / "model.gguf", model, None, extra=said)
    with pytest.raises(ValueError, match="rope.scaling beside rope_freqs.weight is not computed"):
        load_llama(tmp_path / "model.gguf")


def test_a_gguf_that_is_not_whole(tmp_path):
    path = tmp_path / "model.gguf"
    write_gguf(path, small_llama(CONFIG, np.float32))
    whole = path.read_bytes()
    for size in (0, 3, 5, 100, len(whole) // 2, len(whole) - 40):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="not a (whole )?GGUF file"):
            load_llama(path)
    path.write_bytes(whole.replace(b"blk.1.attn_k", b"blk.1.attn_x"))
    with pytest.raises(ValueError, match="missing: layers.1.self_attn.k_proj.weight .* unexpected"):
        load_llama(path)
    with pytest.raises(ValueError, match="no such file"):
        load_llama(tmp_path / "nowhere.gguf")


def text(string):
    return struct.pack("<Q", len(string)) + string.encode()


def setting(name, kind, value):
    return text(name) + struct.pack("<I", kind) + value


def tensor(name="t", shape=(32, 2), kind=0, place=0):
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, place)


def header(tensors=(), settings=(), counts=None, version=3, rest=300):
    """A file of these settings and tensors; `counts` is what it says there were."""
    counts = counts or (len(tensors), len(settings))
    start = b"GGUF" + struct.pack("<IQQ", version, *counts)
    return b"".join([start, *settings, *tensors, bytes(rest)])


LIES = [
    (header(version=1), "expected version 2 or 3, got 1"),
    (header(version=3 << 24), "expected version 2 or 3, got 50331648"),  # bytes the other way round
    (header(counts=(HUGE, 0)), "it ends .* bytes too early|0 dimensions"),
    (header(counts=(0, HUGE)), "the setting  is there twice"),
    (header(settings=[struct.pack("<Q", HUGE)]), "it ends .* bytes too early"),
    (header(settings=[setting("a", 8, struct.pack("<Q", HUGE))]), "bytes too early"),
    (header(settings=[setting("a", 9, struct.pack("<IQ", 4, HUGE))]), "bytes too early"),
    (header(settings=[setting("a", 9, struct.pack("<IQ", 8, HUGE))]), "bytes too early"),
    (header(settings=[setting("a", 9, struct.pack("<IQ", 9, 1))]), "a list of lists"),
    (header(settings=[setting("a", 13, b"")]), "13 is not a valid GGUFValueType"),
    (header(settings=2 * [setting("a", 0, b"1")]), "the setting a is there twice"),
    (header(settings=[text("a")[:8] + b"\xff" + bytes(5)]), "can't decode byte 0xff"),
    (header(tensors=2 * [tensor()]), "the tensor t is there twice"),
    (header(tensors=[tensor(shape=())]), "or has 0 dimensions"),
    (header(tensors=[tensor(shape=(1,) * 5)]), "or has 5 dimensions"),
    (header(tensors=[tensor(shape=(32, 0))]), r"the tensor t \(0, 32\) is empty"),
    (header(tensors=[tensor(kind=99)]), "t is in kind 99; expected one of F32"),
    (header(tensors=[tensor(kind=8, shape=(31, 2))]), r"t \(2, 31\) in Q8_0: a row is no blocks"),
    (header(tensors=[tensor(shape=(32, 3))]), r"t \(3, 32\) ends behind the end of the file"),
    (header(tensors=[tensor(shape=(HUGE, HUGE))]), "ends behind the end of the file"),
    (header(tensors=[tensor(place=HUGE)]), "ends behind the end of the file"),
    (header(tensors=[tensor("u", (8,), place=32), tensor(shape=(9,))]), "u begins within t"),
    (header(tensors=[tensor("u"), tensor()]), "t begins within u"),
    (header(settings=[setting("general.alignment", 4, bytes(4))]), "alignment from 1, got 0"),
    (header(settings=[setting("general.alignment", 8, text("x"))]), "alignment from 1, got 'x'"),
]


@pytest.mark.parametrize(("data", "message"), LIES, ids=range(len(LIES)))
def test_a_header_that_lies(data, message, tmp_path):
    """It is refused in words, and nothing of the size that it claims is allocated."""
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"model.gguf: not a whole GGUF file: .*({message})"):
        open_gguf(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_the_same_header_without_lies(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(header([tensor()], [setting("a", 9, struct.pack("<IQ2i", 5, 2, -1, 7))]))
    file = open_gguf(path)
    assert file.get("a", int) == [-1, 7]
    assert np.array_equal(file.tensors["t"].read(), np.zeros((2, 32)))
    with pytest.raises(ValueError, match="no setting b"):
        file.get("b", int)
    with pytest.raises(ValueError, match=r"expected a to be str, got \[-1, 7\]"):
        file.get("a", str)


def test_some_rows_are_rows_of_all(tmp_path):
    for kind in (None, "Q8_0", "Q4_1"):
        write_gguf(tmp_path / "model", small_llama(CONFIG, np.float32), kind)
        for packed in open_gguf(tmp_path / "model").tensors.values():
            if len(packed.shape) == 2:
                assert np.array_equal(packed[3:17], packed.read()[3:17])


@pytest.mark.parametrize(
    "kind",
    "Q2_K Q3_K IQ4_NL IQ4_XS IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S TQ1_0 TQ2_0".split(),
)
def test_gguf_in_few_bits(kind, tmp_path):
    """Blocks of any bits, read as the format's own library dequantizes them."""
    kind = gguf.GGMLQuantizationType[kind]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    bits = np.random.default_rng(0).integers(0, 256, (3, 512 // block * size), np.uint8)
    bits[:, :-1][(bits[:, 1:] & 0x7C) == 0x7C] = 0  # no scale that is infinite
    bits[(bits & 0x7C) == 0x7C] = 0
    writer = gguf.GGUFWriter(tmp_path / "t.gguf", "llama")
    writer.add_tensor("t", bits, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    read = open_gguf(tmp_path / "t.gguf").tensors["t"].read()
    assert read.shape == (3, 512) and np.array_equal(read, gguf.dequantize(bits, kind))
