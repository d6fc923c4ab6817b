"""Llamas from a GGUF file, or from a directory in Hugging Face's form.

Both hold a linear layer's weight (out, in); here it is (in, out).
"""

from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from ..nn.embedding import Head
from ..nn.linear import Linear
from ..nn.llama import Llama, LlamaConfig
from ..quant.int8 import BLOCK, Int8Embedding, Int8Head, quantize_table
from ..quant.nf4_linear import NF4Linear
from .dtypes import as_written, dtype_name, float_dtype
from .gguf import open_gguf
from .hf_directory import (
    ANY,
    CONFIG,
    check_index,
    check_settings,
    has_own_head,
    one_table,
    weight_files,
    write_model,
)
from .llama_gguf import read_gguf
from .safetensors_io import compare_shapes, confirm, open_tensors, read_json, stamp
from .special_tokens import ids_of_gguf, read_ids

PREFIX, TABLE, HEAD = "model.", "embed_tokens.weight", "lm_head.weight"
ROPE = {  # how positions turn queries and keys
    "rope_type": ("default",),
    "type": ("default",),  # its older name
    "partial_rotary_factor": (1.0,),
    "rope_theta": ANY,
}
MUST_BE = {  # what Llama's family may switch on and this model does not have
    "model_type": ("llama",),
    "hidden_act": ("silu",),
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "pretraining_tp": (1,),
    "partial_rotary_factor": (None, 1.0),
    "rope_parameters": ROPE,
    "rope_scaling": ROPE,  # the same in older files
    "quantization_config": (None,),
    "tie_word_embeddings": (False, True),
}
# LlamaConfig's, for settings that a config.json leaves out
DEFAULTS: dict = {"vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008}
DEFAULTS |= {"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": None}
DEFAULTS |= {"head_dim": None, "rope_theta": 10000.0}
DEFAULTS |= {"max_position_embeddings": 2048, "rms_norm_eps": 1e-6}


def load_llama(
    path: str | PathLike[str], dtype: DTypeLike = np.float32, nf4: bool = False
) -> Llama:
    """The Llama in a GGUF file or a Hugging Face directory, in `dtype`: the same logits as there.

    GGUF's quantized weights are dequantized; a directory's may be in float32, float16, bfloat16 or
    float64, in one file or sharded. With `nf4` each layer is rounded as it is read, so the whole
    is never there in `dtype`: linear layers in NF4, double-quantized, and embeddings in 8 bits
    where blocks fit their width, as quantize_base makes them of the loaded model.
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
    rope, theta = settings.get("rope_scaling") or settings.get("rope_parameters"), {}
    if isinstance(rope, dict) and "rope_theta" in rope:  # what transformers takes, were there two
        theta = {"rope_theta": rope["rope_theta"]}
    config, tied = check_settings(settings | theta, path, LlamaConfig, MUST_BE, DEFAULTS)
    special_tokens = read_ids(directory, settings, config.vocab_size)
    with open_tensors(*weight_files(directory)) as stored:
        check_index(directory, stored)
        stored = one_table(in_our_names(stored, directory), tied, TABLE, HEAD)
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
        if not name.endswith(".rotary_emb.inv_freq"):
            result[name] = tensor
    return result


def shapes(config, tied):
    """{name: shape} of every tensor, in our names and in the files' orientation (out, in)."""
    d, inner = config.hidden_size, config.intermediate_size
    q, kv = config.num_attention_heads * config.head_dim, config.n_kv_head * config.head_dim
    block = {
        "input_layernorm": (d,), "post_attention_layernorm": (d,), "self_attn.q_proj": (q, d),
        "self_attn.k_proj": (kv, d), "self_attn.v_proj": (kv, d), "self_attn.o_proj": (d, q),
        "mlp.gate_proj": (inner, d), "mlp.up_proj": (inner, d), "mlp.down_proj": (d, inner),
    }  # fmt: skip
    tables = dict.fromkeys([TABLE] if tied else [TABLE, HEAD], (config.vocab_size, d))
    return {**tables, "norm.weight": (d,)} | {
        f"layers.{i}.{name}.weight": shape
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
    compare_shapes(shapes(config, tied and HEAD not in stored), stored, where)
    tied = not has_own_head(stored, tied, TABLE, HEAD)
    model = Llama(config, None, dtype)

    def read(name):
        return turned(name, reorder(name, stored[name].read(dtype)))

    if not tied:
        model.lm_head = Head(np.empty((config.vocab_size, config.hidden_size), dtype))
    if nf4:
        for name, _ in model.linears():
            linear = Linear(read(f"{name}.weight"))
            model.replace(name, NF4Linear.from_linear(linear, double_quant=True))
    if nf4 and config.hidden_size % BLOCK == 0:
        table = quantize_table(stored[TABLE])
        model.embed_tokens = Int8Embedding(table, dtype)
        model.lm_head = Int8Head(table if tied else quantize_table(stored[HEAD]))
    for name, parameter in model.named_parameters():
        parameter.data = read(name)
    return model.freeze() if nf4 else model


def save_llama(
    model: Llama, directory: str | PathLike[str], dtype: DTypeLike | None = None
) -> None:
    """Write `model` in Hugging Face's form: load_llama and transformers read the same from it.

    In its own dtype, or in `dtype` (np.float16 or "bfloat16" halves the file). A file that was
    there keeps its place until the new one is whole.
    Raises: ValueError for another kind of model, one with adapters or layers in 4 bits, or numbers
    that `dtype` cannot hold.
    """
    if not isinstance(model, Llama):
        raise ValueError(f"save_llama: expected a Llama, got {type(model).__name__}")
    arrays = {name: turned(name, p.data) for name, p in model.named_parameters()}
    tied = HEAD not in arrays
    expected = shapes(model.config, tied)
    compare_shapes(expected, arrays, "save_llama writes a plain Llama (merge adapters first)")
    arrays = {
        name if name == HEAD else PREFIX + name: as_written(array, dtype, "save_llama", name)
        for name, array in arrays.items()
    }
    settings = {"tie_word_embeddings": tied, "dtype": dtype_name(arrays[PREFIX + TABLE])}
    write_model(directory, model, arrays, MUST_BE, "LlamaForCausalLM", **settings)
