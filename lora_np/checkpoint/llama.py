"""Llamas from a GGUF file, or from a directory in Hugging Face's form: Mistrals and Qwens too.

Both hold a linear layer's weight (out, in); here it is (in, out).
"""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..nn.embedding import Head
from ..nn.linear import Linear
from ..nn.llama import Llama
from ..quant.int8 import BLOCK, Int8Embedding, Int8Head, quantize_table
from ..quant.quantized_linear import NF4Linear
from .bitsandbytes import STATE_MARK, quantization_config, take_four_bit, to_bnb
from .dtypes import as_written, dtype_name, float_dtype
from .gguf import open_gguf
from .hf_directory import CONFIG, check_index, has_own_head, one_table, weight_files, write_model
from .llama_gguf import read_gguf
from .llama_settings import ARCHITECTURES, must_be, read_config, written
from .safetensors_io import compare_shapes, confirm, open_tensors, read_json, stamp
from .special_tokens import ids_of_gguf, read_ids

PREFIX, TABLE, HEAD = "model.", "embed_tokens.weight", "lm_head.weight"


def load_llama(
    path: str | PathLike[str], dtype: DTypeLike = np.float32, nf4: bool = False
) -> Llama:
    """The Llama in a GGUF file or a Hugging Face directory, in `dtype`: the same logits as there.

    GGUF's quantized weights are dequantized; a directory's may be in float32, float16, bfloat16 or
    float64, in one file or sharded, and its linear layers in bitsandbytes' 4 bits, where they stay.
    With `nf4` each layer is rounded as it is read, so the whole is never there in `dtype`: linear
    layers in NF4, double-quantized, and embeddings in 8 bits where blocks fit their width, as
    quantize_base makes them of the loaded model.
    Raises: ImportError for a GGUF without the extra `llm`. ValueError, before any number is read,
    for files that are not whole, another architecture, settings that this model does not have, or
    tensors missing, unexpected or of another shape, all listed.
    """
    path, dtype = Path(path), float_dtype(dtype, "load_llama")
    if path.is_dir():
        return from_directory(path, dtype, nf4)
    config, stored, reorder = read_gguf(path)
    special_tokens = ids_of_gguf(open_gguf(path), config.vocab_size)
    model = fill(config, stored, HEAD not in stored, path, dtype, nf4, reorder)
    model.special_tokens = special_tokens
    return model


def from_directory(directory, dtype, nf4):
    path = directory / CONFIG
    settings, seen = read_json(path), stamp(path)
    config, tied = read_config(settings, path)
    special_tokens = read_ids(directory, settings, config.vocab_size)
    with open_tensors(*weight_files(directory)) as stored:
        check_index(directory, stored)
        stored = one_table(in_our_names(stored, directory), tied, TABLE, HEAD)
        in_4_bits = any(STATE_MARK in name for name in stored)
        if settings.get("quantization_config") and not in_4_bits:
            raise ValueError(f"{directory}: quantization_config, but no layer is in 4 bits")
        model = fill(config, stored, tied, directory, dtype, nf4)
    model.special_tokens = special_tokens
    confirm((read_json(path), stamp(path)), (settings, seen), directory)
    return model


def in_our_names(stored, directory):
    """{our name: tensor}, without old files' frequencies, which transformers too computes anew.

    Raises: ValueError for two names that are one, with `model.` and without.
    """
    result = {}
    for full, tensor in stored.items():
        name = full.removeprefix(PREFIX)
        if name in result:
            raise ValueError(f"{directory}: {full} and {result[name].name} are the same")
        if not ("." + name).endswith(".rotary_emb.inv_freq"):
            result[name] = tensor
    return result


def shapes(config, tied):
    """{name: shape} of every tensor, in our names and in the files' orientation (out, in)."""
    d, inner, hd = config.hidden_size, config.intermediate_size, config.head_dim
    q, kv = config.num_attention_heads * hd, config.n_kv_head * hd
    linears = {  # of a block: (out, in), and whether a bias is added
        "self_attn.q_proj": (q, d, config.qkv_bias),
        "self_attn.k_proj": (kv, d, config.qkv_bias),
        "self_attn.v_proj": (kv, d, config.qkv_bias),
        "self_attn.o_proj": (d, q, config.attention_bias),
        "mlp.gate_proj": (inner, d, config.mlp_bias),
        "mlp.up_proj": (inner, d, config.mlp_bias),
        "mlp.down_proj": (d, inner, config.mlp_bias),
    }
    block = {"input_layernorm.weight": (d,), "post_attention_layernorm.weight": (d,)}
    if config.qk_norm:
        block |= {"self_attn.q_norm.weight": (hd,), "self_attn.k_norm.weight": (hd,)}
    for name, (*shape, bias) in linears.items():
        block |= {f"{name}.weight": tuple(shape)} | ({f"{name}.bias": shape[:1]} if bias else {})
    tables = dict.fromkeys([TABLE] if tied else [TABLE, HEAD], (config.vocab_size, d))
    return {**tables, "norm.weight": (d,)} | {
        f"layers.{i}.{name}": tuple(shape)
        for i in range(config.num_hidden_layers)
        for name, shape in block.items()
    }


def turned(name, array):
    """A linear layer's weight between files' (out, in) and (in, out) here; any other as it is."""
    return array.T if name.endswith("_proj.weight") else array


def fill(config, stored, tied, where, dtype, nf4, reorder=lambda name, array: array):
    """A Llama with the numbers in `stored`, {our name: tensor to read}."""
    if config.num_hidden_layers > len(stored):
        raise ValueError(
            f"{where}: {len(stored)} tensors are too few for {config.num_hidden_layers} layers"
        )
    expected = shapes(config, tied and HEAD not in stored)
    four_bit = take_four_bit(stored, expected)
    expected = {name: shape for name, shape in expected.items() if name not in four_bit}
    compare_shapes(expected, stored, where)
    tied = not has_own_head(stored, tied, TABLE, HEAD)
    model = Llama(config, None, dtype)

    def read(name):
        return turned(name, reorder(name, stored[name].read(dtype)))

    if not tied:
        model.lm_head = Head(np.empty((config.vocab_size, config.hidden_size), dtype))
    for name, layer in model.linears():
        if (weight := f"{name}.weight") in four_bit:
            model.replace(name, NF4Linear(four_bit[weight], layer.bias, dtype))
        elif nf4:
            linear = Linear(read(weight), layer.bias)
            model.replace(name, NF4Linear.from_linear(linear, double_quant=True))
    if nf4 and config.hidden_size % BLOCK == 0:
        table = quantize_table(stored[TABLE])
        model.embed_tokens = Int8Embedding(table, dtype)
        model.lm_head = Int8Head(table if tied else quantize_table(stored[HEAD]))
    for name, parameter in model.named_parameters():
        parameter.data = read(name)
    return model.freeze() if nf4 else model


def save_llama(
    model: Llama,
    directory: str | PathLike[str],
    dtype: DTypeLike | None = None,
    max_shard_size: int | str | None = None,
    tokenizer: Any = None,
) -> None:
    """Write `model` in Hugging Face's form: load_llama and transformers read the same from it.

    In its own dtype, or in `dtype` (np.float16 or "bfloat16" halves the file); layers in 4 bits
    stay in 4 bits. With `max_shard_size` (bytes, or as "2GB") in files of at most that size; with
    `tokenizer` its files too. Files that were there keep their place until the new are whole.
    Raises: ValueError for another kind of model, one with adapters or embeddings in 8 bits, or
    numbers that `dtype` cannot hold.
    """
    if not isinstance(model, Llama):
        raise ValueError(f"save_llama: expected a Llama, got {type(model).__name__}")
    arrays = {name: turned(name, p.data) for name, p in model.named_parameters()}
    layers = dict(model.linears())
    four_bit = {name: x.quantized for name, x in layers.items() if isinstance(x, NF4Linear)}
    if len(four_bit) not in (0, len(layers)):
        raise ValueError("save_llama: expected all linear layers in 4 bits, or none")
    tied = HEAD not in arrays
    expected = shapes(model.config, tied)
    expected = {n: s for n, s in expected.items() if n.removesuffix(".weight") not in four_bit}
    compare_shapes(expected, arrays, "save_llama writes a plain Llama (merge adapters first)")
    arrays = {
        name if name == HEAD else PREFIX + name: as_written(array, dtype, "save_llama", name)
        for name, array in arrays.items()
    }
    for name, quantized in four_bit.items():
        arrays |= to_bnb(f"{PREFIX}{name}.weight", quantized)
    settings = {"tie_word_embeddings": tied, "dtype": dtype_name(arrays[PREFIX + TABLE])}
    if four_bit:
        settings["quantization_config"] = quantization_config(four_bit.values())
    kind, sizes = model.config.model_type, written(model.config)
    words = must_be(kind, {}), ARCHITECTURES[kind], max_shard_size, tokenizer
    write_model(directory, model, arrays, sizes, *words, **settings)
