"""Llamas from a GGUF file, or from a directory in Hugging Face's form.

Both hold a linear layer's weight (out, in); here it is (in, out). GGUF has its own names, and the
rows of q and k in another order: it turns neighbours (x₀, x₁), Hugging Face and this library turn
halves (x₀, x_hd/2).
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
from .gguf import open_gguf
from .hf_directory import (
    CONFIG,
    check_index,
    check_settings,
    make_config,
    weight_files,
    write_model,
)
from .safetensors_io import compare_shapes, open_tensors, read_json

PREFIX, TABLE, HEAD = "model.", "embed_tokens.weight", "lm_head.weight"
IN_GGUF = {  # our name of a part, in a block or beside them: GGUF's
    "embed_tokens": "token_embd",
    "norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
MUST_BE = {  # what Llama's family may switch on and this model does not have
    "model_type": ("llama",),
    "hidden_act": ("silu",),
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "pretraining_tp": (1,),
    "rope_scaling": (None,),
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
    path = Path(path)
    return (from_directory if path.is_dir() else from_gguf)(path, dtype, nf4)


def from_gguf(path, dtype, nf4):
    file = open_gguf(path)
    architecture = file.get("general.architecture", str)
    if architecture != "llama":
        raise ValueError(f"{path}: expected the architecture llama, got {architecture!r}")

    def get(name, kind=int, default=None):
        return file.get(f"llama.{name}", kind, default)

    if any(name.startswith("llama.rope.scaling.") for name in file.fields):
        raise ValueError(f"{path}: its positions are scaled, which this model does not have")
    table = file.tensors.get("token_embd.weight")
    if table is None:
        raise ValueError(f"{path}: no tensor token_embd.weight, the embeddings")
    d, heads = get("embedding_length"), get("attention.head_count")
    config = make_config(
        LlamaConfig,
        path,
        vocab_size=table.shape[0],
        hidden_size=d,
        intermediate_size=get("feed_forward_length"),
        num_hidden_layers=get("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=get("attention.head_count_kv", default=heads),
        head_dim=get("attention.key_length", default=d // max(heads, 1)),
        max_position_embeddings=get("context_length"),
        # The file has it in float32: 1e-5 is there 9.99999975e-06. Seven digits are what was meant.
        rms_norm_eps=float(f"{get('attention.layer_norm_rms_epsilon', float):.7g}"),
        rope_theta=get("rope.freq_base", float, 10000.0),
    )
    stored = {ours(name): tensor for name, tensor in file.tensors.items()}

    def in_halves(name, array):
        """Rows 2i and 2i + 1 of each head of q and k are a pair; put them at i and i + hd/2."""
        if not name.endswith(("q_proj.weight", "k_proj.weight")):
            return array
        rows, half = array.shape[0], config.head_dim // 2
        return array.reshape(-1, half, 2, d).swapaxes(1, 2).reshape(rows, d)

    return fill(config, stored, HEAD not in stored, path, dtype, nf4, in_halves)


def ours(name):
    """Our name of a GGUF tensor; one that is not known stays as it is."""
    back = {theirs: mine for mine, theirs in IN_GGUF.items()}
    match name.split("."):
        case ["blk", i, part, "weight"] if part in back:
            return f"layers.{i}.{back[part]}.weight"
        case [part, "weight"] if part in back:
            return f"{back[part]}.weight"
    return name


def from_directory(directory, dtype, nf4):
    path = directory / CONFIG
    settings = read_json(path)
    rope = settings.get("rope_parameters") or {}  # where newer files keep what concerns positions
    if not isinstance(rope, dict) or rope.get("rope_type", "default") != "default":
        raise ValueError(f"{path}: rope_parameters {rope!r} are none that this model has")
    settings = {"rope_theta": rope["rope_theta"]} | settings if "rope_theta" in rope else settings
    config, tied = check_settings(settings, path, LlamaConfig, MUST_BE, DEFAULTS)
    with open_tensors(*weight_files(directory)) as stored:
        check_index(directory, stored)
        stored = {name.removeprefix(PREFIX): tensor for name, tensor in stored.items()}
        if tied:
            stored.pop(HEAD, None)  # some files repeat the embedding there
        return fill(config, stored, tied, directory, dtype, nf4)


def shapes(config, tied):
    """{name: shape} of every tensor, in our names and in the files' orientation (out, in)."""
    d, inner = config.hidden_size, config.intermediate_size
    q, kv = config.num_attention_heads * config.head_dim, config.n_kv_head * config.head_dim
    block = {
        "input_layernorm": (d, ), "post_attention_layernorm": (d, ), "self_attn.q_proj": (q, d),
        "self_attn.k_proj": (kv, d), "self_attn.v_proj": (kv, d), "self_attn.o_proj": (d, q),
        "mlp.gate_proj": (inner, d), "mlp.up_proj": (inner, d), "mlp.down_proj": (d, inner),
    }  # fmt: skip
    tables = dict.fromkeys([TABLE] if tied else [TABLE, HEAD], (config.vocab_size, d))
    return {**tables, "norm.weight": (d,)} | {
        f"layers.{i}.{name}.weight": shape
        for i in range(config.num_hidden_layers)
        for name, shape in block.items()
    }


def fill(config, stored, tied, where, dtype, nf4, reorder=lambda name, array: array):
    """A Llama with the numbers in `stored`, {our name: tensor to read}."""
    if config.num_hidden_layers > len(stored):
        raise ValueError(
            f"{where}: {len(stored)} tensors are too few for {config.num_hidden_layers} layers"
        )
    expected = shapes(config, tied)
    compare_shapes(expected, stored, where)
    model = Llama(config, None, dtype)

    def read(name):
        array = reorder(name, stored[name].read(dtype))
        return array.T if name.endswith("_proj.weight") else array

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


def save_llama(model: Llama, directory: str | PathLike[str]) -> None:
    """Write `model` in Hugging Face's form: load_llama and transformers read the same from it.

    A file that was there keeps its place until the new one is whole.
    Raises: ValueError for another kind of model, or one with adapters or layers in 4 bits.
    """
    if not isinstance(model, Llama):
        raise ValueError(f"save_llama: expected a Llama, got {type(model).__name__}")
    config, parameters = model.config, dict(model.named_parameters())
    tied = HEAD not in parameters
    expected = shapes(config, tied)
    arrays = {
        name: p.data.T if name.endswith("_proj.weight") else p.data
        for name, p in parameters.items()
    }
    compare_shapes(expected, arrays, "save_llama writes a plain Llama (merge adapters first)")
    arrays = {name if name == HEAD else PREFIX + name: array for name, array in arrays.items()}
    settings = {"tie_word_embeddings": tied, "dtype": str(model.norm.weight.dtype)}
    write_model(directory, model, arrays, MUST_BE, "LlamaForCausalLM", **settings)
