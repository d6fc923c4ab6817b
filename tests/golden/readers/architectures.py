"""Small models of every architecture that Llama computes, as transformers saves them.

`golden/make/make_architectures.py` stores each one's config.json, its tensors' names and shapes,
and what transformers computes from it; the numbers of the weights are made here, by both.
"""

import json
import math
import zlib

import numpy as np

from golden.readers.golden_hf import GOLDEN
from golden.readers.golden_llama import as_ours
from helpers.safetensors_files import save_file
from lora_np.checkpoint import load_llama
from lora_np.checkpoint.dtypes import as_written
from lora_np.checkpoint.llama import HEAD, PREFIX
from lora_np.objectives import cross_entropy
from lora_np.tasks import Batch

ONE = {"hidden_size": 8, "intermediate_size": 6, "vocab_size": 11, "num_hidden_layers": 1}
ONE |= {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8}
ONE |= {"max_position_embeddings": 64, "tie_word_embeddings": True}
TWO = ONE | {"num_hidden_layers": 2, "head_dim": 4}


def scaled(**rope):
    return ONE | {"rope_parameters": {"rope_theta": 50.0} | rope}


LONG = {"short_factor": [1.0, 1.1, 1.5, 2.0], "long_factor": [1.0, 1.5, 3.0, 4.0]}
CASES = {  # name: (model_type, settings)
    "linear": ("llama", scaled(rope_type="linear", factor=4.0)),
    "dynamic": ("llama", scaled(rope_type="dynamic", factor=4.0) | {"max_position_embeddings": 8}),
    "llama3": (
        "llama",
        scaled(
            rope_type="llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=32,
        ),
    ),
    "yarn": ("llama", scaled(rope_type="yarn", factor=4.0, original_max_position_embeddings=32)),
    "yarn, all its settings": (
        "llama",
        scaled(
            rope_type="yarn",
            factor=3.0,
            original_max_position_embeddings=24,
            beta_fast=3.0,
            beta_slow=0.5,
            truncate=False,
            mscale=0.7,
            mscale_all_dim=1.2,
        ),
    ),
    "longrope": ("llama", scaled(rope_type="longrope", original_max_position_embeddings=8, **LONG)),
    "biases": (
        "llama",
        TWO | {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False},
    ),
    "mistral": ("mistral", TWO | {"sliding_window": 4, "tie_word_embeddings": False}),
    "qwen2": ("qwen2", {name: size for name, size in TWO.items() if name != "head_dim"}),
    "qwen2, a window above": (
        "qwen2",
        {name: size for name, size in TWO.items() if name != "head_dim"}
        | {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1},
    ),
    "qwen3": ("qwen3", TWO | {"head_dim": 6, "rms_norm_eps": 1e-3}),
    "qwen3, all its settings": (
        "qwen3",
        scaled(rope_type="yarn", factor=4.0, original_max_position_embeddings=32)
        | {"attention_bias": True, "tie_word_embeddings": False}
        | {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 0},
    ),
}
NEW = 10  # tokens generated behind a prompt of half as many


def stored():
    """({name: {config, shapes}}, {"name/what": array})."""
    about = json.loads((GOLDEN / "architectures.json").read_text())
    return about, np.load(GOLDEN / "architectures.npz")


def numbers(name, shape):
    """A tensor's numbers: the same in float64 and in bfloat16, of eight bits."""
    draw = np.random.RandomState(zlib.crc32(name.encode()))
    if "norm" in name:
        return draw.randint(64, 193, shape) / 128
    return draw.randint(-127, 128, shape) / 256


def write(name, directory, dtype="float32"):
    """The directory that transformers would write, its numbers in `dtype`."""
    about = stored()[0][name]
    (directory / "config.json").write_text(json.dumps(about["config"]))
    tensors = {full: numbers(full, tuple(shape)) for full, shape in about["shapes"].items()}
    tensors = {full: as_written(array, dtype, "", full) for full, array in tensors.items()}
    save_file(tensors, directory / "model.safetensors", {"format": "pt"})


def expected(name):
    """{what: array} of a batch, its logits and loss, generated tokens; grads are {name: array}."""
    about, arrays = stored()
    result = {key.partition("/")[2]: arrays[key] for key in arrays if key.startswith(name + "/")}
    shapes, grads = about[name]["shapes"], {}
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    for (full, shape), part in zip(shapes.items(), np.split(result["grads"], ends[:-1])):
        grads[full] = part.reshape(shape)
    return result | {"grads": grads}


def gap(ours, theirs):
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def differences(name, directory, dtype):
    """{what: max|ours − theirs| / max|theirs|} for logits, loss and the worst gradient."""
    theirs, model = expected(name), load_llama(directory, dtype)
    batch = Batch(theirs["tokens"], theirs["targets"], theirs["weights"].astype(dtype))
    logits, cache = model.forward(batch.tokens)
    loss, dlogits = cross_entropy(logits, batch)
    model.backward(dlogits, cache)
    ours = {("" if n == HEAD else PREFIX) + n: p.grad for n, p in model.named_parameters()}
    assert ours.keys() == theirs["grads"].keys()
    gaps = {key: gap(ours[key], as_ours(key, grad)) for key, grad in theirs["grads"].items()}
    return {
        "logits": gap(logits, theirs["logits"]),
        "loss": gap(loss, theirs["loss"]),
        "gradients": max(gaps.values()),
    }
