"""GPT-2 in Hugging Face's form: a directory with config.json and model.safetensors.

Weights need no transposing: GPT-2's Conv1D holds them (in, out), as everything here does. Names
are ours behind `transformer.`, or without it in files of the bare body. A layer in 4 bits is in
bitsandbytes' form (see `bitsandbytes.py`).
"""

import dataclasses
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..nn.gpt import GPT, GPTConfig, Head
from ..quant.quantized_linear import NF4Linear
from .bitsandbytes import MUST_BE as BNB
from .bitsandbytes import quantization_config, take_four_bit, to_bnb
from .dtypes import as_written, dtype_name, float_dtype
from .hf_directory import (
    CONFIG,
    check_index,
    check_settings,
    has_own_head,
    one_table,
    weight_files,
    write_model,
)
from .safetensors_io import compare_shapes, confirm, open_tensors, read_json, stamp
from .special_tokens import read_ids

PREFIX, HEAD = "transformer.", "lm_head.weight"
MUST_BE = {  # what GPT-2's family may switch on and this model does not have
    "model_type": ("gpt2",),
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),  # two names of the same formula
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True, False),
    "quantization_config": BNB,
}
# GPT2Config's, for settings that a config.json leaves out
DEFAULTS: dict = {"vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12}
DEFAULTS |= {"n_head": 12, "n_inner": None, "layer_norm_epsilon": 1e-5}
DEFAULTS |= {"embd_pdrop": 0.1, "attn_pdrop": 0.1, "resid_pdrop": 0.1}


def load_gpt2(directory: str | PathLike[str], dtype: DTypeLike = np.float32) -> GPT:
    """The GPT in a Hugging Face directory, in `dtype`: same tokens, same logits as there.

    The file may be one or sharded, in float32, float16, bfloat16 or float64, with or without
    `transformer.` before its names, its head tied or of its own (also where the settings tie it
    and the file holds another). Linear layers in bitsandbytes' NF4 become NF4Linear. Old files'
    causal masks (`attn.bias`) hold nothing learnt and are the one thing left out.
    Raises: ValueError that lists every missing, unexpected or misshapen tensor, or every setting
    that this model does not have.
    """
    directory, dtype = Path(directory), float_dtype(dtype, "load_gpt2")
    path = directory / CONFIG
    settings, seen = read_json(path), stamp(path)
    config, tied = check_settings(settings, path, GPTConfig, MUST_BE, DEFAULTS)
    special_tokens = read_ids(directory, settings, config.vocab_size)
    with open_tensors(*weight_files(directory)) as stored:
        check_index(directory, stored)
        stored = without_masks(stored)
        prefix = PREFIX if any(name.startswith(PREFIX) for name in stored) else ""
        if config.n_layer > len(stored):
            raise ValueError(
                f"{directory}: {len(stored)} tensors are too few for n_layer {config.n_layer}"
            )
        names = {name: prefix + name for name in shapes(config)}
        stored = one_table(stored, tied, names["wte.weight"], HEAD)
        expected = {names[name]: shape for name, shape in shapes(config).items()}
        four_bit = take_four_bit(stored, {name: shape[::-1] for name, shape in expected.items()})
        expected = {name: shape for name, shape in expected.items() if name not in four_bit}
        if not tied or HEAD in stored:
            expected[HEAD] = expected[names["wte.weight"]]
        compare_shapes(expected, stored, directory)
        if settings.get("quantization_config") and not four_bit:
            raise ValueError(f"{directory}: quantization_config, but no layer is in 4 bits")

        model = GPT(config, None, dtype)
        model.special_tokens = special_tokens
        for name, layer in model.linears():
            if (full := names[name + ".weight"]) in four_bit:
                model.replace(name, NF4Linear(four_bit[full], layer.bias, dtype))
        for name, parameter in model.named_parameters():
            parameter.data = stored[names[name]].read(dtype)
        if has_own_head(stored, tied, names["wte.weight"], HEAD):
            model.lm_head = Head(stored[HEAD].read(dtype))
    confirm((read_json(path), stamp(path)), (settings, seen), directory)
    return model


def save_gpt2(
    model: GPT,
    directory: str | PathLike[str],
    dtype: DTypeLike | None = None,
    max_shard_size: int | str | None = None,
    tokenizer: Any = None,
) -> None:
    """Write `model` so that `load_gpt2` and transformers' GPT2LMHeadModel read it.

    In its own dtype, or in `dtype` (np.float16 or "bfloat16" halves the file). Layers in NF4 stay
    in NF4. With `max_shard_size` (bytes, or as "2GB") in files of at most that size; with
    `tokenizer` its files too. Files that were there keep their place until the new are whole.
    Raises: ValueError for a model with adapters (`merge` it, or `save_adapter`), a head that is
    not over the vocabulary, or numbers that `dtype` cannot hold.
    """
    if not isinstance(model, GPT):
        raise ValueError(f"save_gpt2: expected a GPT, got {type(model).__name__}")
    config = model.config
    tensors, four_bit = dict(model.named_parameters()), {}
    expected, tied = shapes(config), HEAD not in tensors
    if not tied:
        expected[HEAD] = expected["wte.weight"]
    for name, layer in model.linears():
        if isinstance(layer, NF4Linear):
            expected.pop(name + ".weight")
            four_bit[name + ".weight"] = layer.quantized
    compare_shapes(expected, tensors, "save_gpt2 writes a plain GPT (merge adapters first)")

    arrays = {}
    for name, parameter in tensors.items():
        full = name if name == HEAD else PREFIX + name
        arrays[full] = as_written(parameter.data, dtype, "save_gpt2", name)
    for name, quantized in four_bit.items():
        arrays |= to_bnb(PREFIX + name, quantized)
    settings = {"tie_word_embeddings": tied, "dtype": dtype_name(arrays[PREFIX + "wte.weight"])}
    if four_bit:
        if len(four_bit) != 4 * config.n_layer:
            raise ValueError("save_gpt2: expected all linear layers in NF4, or none")
        settings["quantization_config"] = quantization_config(four_bit.values())
    sizes = dataclasses.asdict(config)
    words = MUST_BE, "GPT2LMHeadModel", max_shard_size, tokenizer
    write_model(directory, model, arrays, sizes, *words, **settings)


def shapes(config):
    """{name: shape} of every tensor in a tied GPT-2: its whole state dict, in its own names."""
    d, inner = config.n_embd, config.n_inner or 4 * config.n_embd
    result = {"wte.weight": (config.vocab_size, d), "wpe.weight": (config.n_positions, d)}
    linears = {
        "attn.c_attn": (d, 3 * d),
        "attn.c_proj": (d, d),
        "mlp.c_fc": (d, inner),
        "mlp.c_proj": (inner, d),
    }
    for i in range(config.n_layer):
        for name, shape in linears.items():
            result |= {f"h.{i}.{name}.weight": shape, f"h.{i}.{name}.bias": shape[1:]}
        for norm in ("ln_1", "ln_2"):
            result |= {f"h.{i}.{norm}.weight": (d,), f"h.{i}.{norm}.bias": (d,)}
    return result | {"ln_f.weight": (d,), "ln_f.bias": (d,)}


def without_masks(stored):
    """All but the causal masks of old files: `attn.bias` (1, 1, T, T) and `attn.masked_bias` ().

    T may be another length than the model's: what they say, transformers too computes anew.
    """

    def is_mask(name, shape):
        square = len(shape) == 4 and shape == (1, 1, shape[2], shape[2])
        return (name.endswith(".attn.bias") and square) or name.endswith(".attn.masked_bias")

    return {name: t for name, t in stored.items() if not is_mask("." + name, t.shape)}
