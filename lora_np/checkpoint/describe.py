"""What a model's files hold, in words, from their headers alone: no weight is read."""

import math
from collections import Counter
from os import PathLike
from pathlib import Path
from typing import Any

from ..nn.gpt import GPTConfig
from ..nn.llama_config import FULL
from . import gpt2, llama
from .bitsandbytes import STATES
from .gguf import open_gguf
from .hf_directory import CONFIG, check_settings, weight_files
from .llama_gguf import read_gguf
from .llama_settings import read_config
from .safetensors_io import open_tensors, read_json
from .special_tokens import ids_of_gguf, read_ids


def describe_model(path: str | PathLike[str]) -> dict[str, Any]:
    """{what: words or a number} of the model in a GGUF file or a Hugging Face directory.

    Raises: ValueError for settings that this library does not compute, as loading it does.
    """
    path = Path(path)
    if path.is_dir():
        settings = read_json(path / CONFIG)
        if settings.get("model_type") == "gpt2":
            of_gpt2 = GPTConfig, gpt2.MUST_BE, gpt2.DEFAULTS
            config, tied = check_settings(settings, path / CONFIG, *of_gpt2)
        else:
            config, tied = read_config(settings, path / CONFIG)
        ids, files = read_ids(path, settings, config.vocab_size), weight_files(path)
        with open_tensors(*files) as stored:
            kinds = Counter(tensor.kind for tensor in stored.values())
            kinds |= {
                f"{kind} (bitsandbytes)": count
                for kind, state in STATES.items()
                if (count := sum(name.endswith(state) for name in stored))
            }
            tied = tied and llama.HEAD not in stored
    else:
        config, stored, _ = read_gguf(path)
        ids, files = ids_of_gguf(open_gguf(path), config.vocab_size), [path]
        kinds = Counter(tensor.kind.name for tensor in stored.values())
        tied = llama.HEAD not in stored
    gpt = isinstance(config, GPTConfig)
    shapes = gpt2.shapes(config) if gpt else llama.shapes(config, True)
    numbers = sum(map(math.prod, shapes.values()))
    about = {"kind": "gpt2" if gpt else config.model_type, "layers": config.n_layer}
    about |= {"width": config.n_embd, "heads": config.n_head}
    if not gpt:
        about |= {"key-value heads": config.n_kv_head, "head width": config.head_dim}
    about |= {"vocabulary": config.vocab_size, "context": config.n_positions}
    about |= {"positions": "learned" if gpt else rope_in_words(config)}
    if not gpt and (options := options_in_words(config)):
        about |= {"options": options}
    about |= {"head": "the embedding's" if tied else "its own"}
    about |= {"numbers": numbers + (0 if tied else config.vocab_size * config.n_embd)}
    about |= {"stored": ", ".join(f"{kind} × {count}" for kind, count in kinds.most_common())}
    about |= {"files": len(files)}
    return about | {name: known for name, known in ids.ids().items() if known is not None}


def rope_in_words(config):
    said = f"turned, base {config.rope_theta:g}"
    return said if config.rope_scaling is None else f"{said}, {config.rope_scaling}"


def options_in_words(config):
    """What this model has that the first Llamas do not have."""
    words = {
        "biases on q, k, v and o": config.attention_bias,
        "biases on q, k and v": config.qkv_bias and not config.attention_bias,
        "biases in the MLP": config.mlp_bias,
        "norms on each head of q and k": config.qk_norm,
    }
    found = [text for text, there in words.items() if there]
    if config.sliding_window is not None:
        full = (config.layer_types or ()).count(FULL)
        where = f"in {config.n_layer - full} of {config.n_layer} layers"
        found.append(f"a window of {config.sliding_window} positions {where}")
    return "; ".join(found)
