"""GPT-2 in Hugging Face's form: a directory with config.json and model.safetensors.

Weights need no transposing: GPT-2's Conv1D holds them (in, out), as everything here does. Names
are ours behind `transformer.`, or without it in files of the bare body. A layer in 4 bits is in
bitsandbytes' form (see `quant/bnb_format.py`).
"""

import dataclasses
from pathlib import Path

import numpy as np

from ..methods.common import linear_slots
from ..nn.gpt import GPT, Head
from ..quant.bnb_format import PARTS, QUANT_STATE, from_bnb, quantization_config, to_bnb
from ..quant.linear import NF4Linear
from . import gpt2_layout as layout
from .gpt2_layout import HEAD, PREFIX
from .tensors import compare_shapes, confirm, open_tensors, stamp, write_directory


def load_gpt2(directory, dtype=np.float32):
    """The GPT in a Hugging Face directory, in `dtype`: same tokens, same logits as there.

    The file may be one or sharded, in float32, float16, bfloat16 or float64, with or without
    `transformer.` before its names, its head tied or of its own. Linear layers in bitsandbytes'
    NF4 become NF4Linear. Old files' causal masks (`attn.bias`) hold nothing learnt and are the
    one thing left out.
    Raises: ValueError that lists every missing, unexpected or misshapen tensor, or every setting
    that this model does not have.
    """
    directory = Path(directory)
    config, tied = layout.read_config(directory)
    seen = stamp(directory / "config.json")
    with open_tensors(*layout.weight_files(directory)) as stored:
        layout.check_index(directory, stored)
        stored = layout.without_masks(stored, config)
        prefix = PREFIX if any(name.startswith(PREFIX) for name in stored) else ""
        if config.n_layer > len(stored):
            raise ValueError(
                f"{directory}: {len(stored)} tensors are too few for n_layer {config.n_layer}"
            )
        names = {name: prefix + name for name in layout.shapes(config)}
        expected = {names[name]: shape for name, shape in layout.shapes(config).items()}
        four_bit = {}  # {name: its NF4Tensor}
        for name, full in names.items():
            if full + QUANT_STATE in stored:
                parts = [full + part for part in PARTS if full + part in stored]
                arrays = {part: stored.pop(part).read_raw() for part in parts}
                four_bit[name] = from_bnb(full, arrays, expected.pop(full)[::-1])
        if not tied or HEAD in stored:
            expected[HEAD] = (config.vocab_size, config.n_embd)
        compare_shapes(expected, stored, directory)

        model = GPT(config, None, dtype)
        for name, container, key in linear_slots(model):
            if name + ".weight" in four_bit:
                container[key] = NF4Linear(four_bit[name + ".weight"], container[key].bias, dtype)
        for name, parameter in model.named_parameters():
            parameter.data = stored[names[name]].read(dtype)
        if HEAD in stored:
            head = stored[HEAD].read(dtype)
            if tied and not np.array_equal(head, model.wte.weight.data):
                raise ValueError(f"{directory}: tie_word_embeddings is set, but {HEAD} differs")
            if not tied:
                model.lm_head = Head(head)
    now = *layout.read_config(directory), stamp(directory / "config.json")
    confirm(now, (config, tied, seen), directory)
    return model


def save_gpt2(model, directory, dtype=None):
    """Write `model` so that `load_gpt2` and transformers' GPT2LMHeadModel read it.

    In its own dtype, or in `dtype` (np.float16 halves the file). Layers in NF4 stay in NF4. A file
    that was there keeps its place until the new one is whole.
    Raises: ValueError for a model with adapters (`merge` it, or `save_adapter`), a head that is
    not over the vocabulary, or numbers that `dtype` cannot hold.
    """
    if not isinstance(model, GPT):
        raise ValueError(f"save_gpt2: expected a GPT, got {type(model).__name__}")
    config = model.config
    tied = model.lm_head.weight is model.wte.weight
    expected = layout.shapes(config) | ({} if tied else {HEAD: (config.vocab_size, config.n_embd)})
    tensors, four_bit = dict(model.named_parameters()), {}
    for name, container, key in linear_slots(model):
        if isinstance(container[key], NF4Linear):
            expected.pop(name + ".weight")
            four_bit[name + ".weight"] = container[key].quantized
    compare_shapes(expected, tensors, "save_gpt2 writes a plain GPT (merge adapters first)")

    arrays = {}
    for name, parameter in tensors.items():
        full = name if name == HEAD else PREFIX + name
        with np.errstate(over="ignore"):
            arrays[full] = parameter.data.astype(dtype or parameter.dtype, copy=False)
        if not np.isfinite(arrays[full]).all():
            raise ValueError(f"save_gpt2: {name} is not finite in {arrays[full].dtype}")
    for name, quantized in four_bit.items():
        arrays |= to_bnb(PREFIX + name, quantized)
    settings = dataclasses.asdict(config) | layout.MUST_BE
    settings |= {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "activation_function": layout.TANH_GELU[0],
        "tie_word_embeddings": tied,
        "dtype": str(np.dtype(dtype or model.wte.weight.dtype)),
        "bos_token_id": None,
        "eos_token_id": None,
    }
    if four_bit:
        if len(four_bit) != 4 * config.n_layer:
            raise ValueError("save_gpt2: expected all linear layers in NF4, or none")
        settings["quantization_config"] = quantization_config(four_bit.values())
    index = Path(directory) / layout.INDEX
    write_directory(directory, arrays, settings, layout.WEIGHTS, layout.CONFIG)
    index.unlink(missing_ok=True)  # one that named older shards would contradict the new file
