"""GPTs as directories: `config.json` and `model.safetensors`, under Hugging Face's names."""

import json
import pathlib
from dataclasses import asdict, fields

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ..files import whole_file
from ..methods.common import linear_slots
from ..nn import GPT, GPTConfig, Head, Linear


def load_gpt2(directory):
    """A GPT from `config.json` and `model.safetensors`, in float32.

    Raises: ValueError for a directory without the two, or weights that do not fit the sizes.
    """
    directory = pathlib.Path(directory)
    try:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        weights = load_file(directory / "model.safetensors")
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"{directory}: no config.json and model.safetensors ({error})") from None
    sizes = {field.name: config[field.name] for field in fields(GPTConfig) if field.name in config}
    model = GPT(GPTConfig(**sizes), np.random.default_rng(0))
    if not config.get("tie_word_embeddings", True):
        model.lm_head = Head(model.lm_head.weight.data.copy())
    weights = {name.removeprefix("transformer."): array for name, array in weights.items()}
    for name, parameter in model.named_parameters():
        array = weights.pop(name, None)
        if array is None or array.shape != parameter.shape:
            got = "missing" if array is None else array.shape
            raise ValueError(f"{directory}: {name} is {got}, expected {parameter.shape}")
        parameter.data[...] = array
    if weights:
        raise ValueError(f"{directory}: unknown weights {', '.join(sorted(weights))}")
    return model


def save_gpt2(model, directory, dtype=np.float32):
    """Write a plain GPT as `config.json` and `model.safetensors`; a tied head is left out.

    Raises: ValueError for a model with wrapped layers: merge it first.
    """
    if any(type(container[key]) is not Linear for _, container, key in linear_slots(model)):
        raise ValueError("save_gpt2: expected a plain GPT; merge(model) makes one")
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    tied = model.lm_head.weight is model.wte.weight
    config = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "tie_word_embeddings": tied,
        **asdict(model.config),
    }
    arrays = {
        name if name.startswith("lm_head.") else f"transformer.{name}": p.data.astype(dtype)
        for name, p in model.named_parameters()
    }
    with whole_file(directory / "model.safetensors") as temporary:
        save_file(arrays, temporary, metadata={"format": "pt"})
    with whole_file(directory / "config.json") as temporary:
        temporary.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
