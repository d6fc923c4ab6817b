"""Directories that people have and that are not as their settings say, made of the golden ones.

`golden/make/make_odd.py` stores what transformers computes from each; see test_loaders.py.
"""

import json
import shutil

import numpy as np

from golden.readers.golden_hf import GOLDEN
from helpers.safetensors_files import load_file, save_file

WTE, EMBED, HEAD = "transformer.wte.weight", "model.embed_tokens.weight", "lm_head.weight"
GPT, LLAMA = GOLDEN / "hf" / "three_heads", GOLDEN / "hf_llama" / "grouped"  # both are tied


def own_head(table):
    def edit(settings, tensors):
        tensors[HEAD] = np.ascontiguousarray(tensors[table][::-1]) + np.float32(0.125)

    return edit


def same_head(table):
    def edit(settings, tensors):
        tensors[HEAD] = tensors[table].copy()

    return edit


def head_alone(table):
    def edit(settings, tensors):
        tensors[HEAD] = tensors.pop(table)

    return edit


def longer_masks(settings, tensors):
    for i in range(settings["n_layer"]):
        tensors[f"transformer.h.{i}.attn.bias"] = np.tril(np.ones((1, 1, 32, 32), bool))
        tensors[f"transformer.h.{i}.attn.masked_bias"] = np.array(-1e4, np.float32)


def inv_freq(settings, tensors):
    """As old files have it, and of other numbers: it is not what transformers reads."""
    for i in range(settings["num_hidden_layers"]):
        name = f"model.layers.{i}.self_attn.rotary_emb.inv_freq"
        tensors[name] = np.array([1.0, 0.5], np.float32)


def two_bases(settings, tensors):
    settings["rope_theta"] = 10.0  # beside the one in rope_parameters


def older_rope(settings, tensors):
    del settings["rope_parameters"]
    settings |= {"rope_theta": 77.0, "rope_scaling": {"type": "default"}}


def two_ropes(settings, tensors):
    settings["rope_scaling"] = {"rope_type": "default", "rope_theta": 12.0}


EDITS = {  # name: (the directory, what is done to it, whether the head is the embedding)
    "GPT-2, its own head": (GPT, own_head(WTE), False),
    "GPT-2, the head repeated": (GPT, same_head(WTE), True),
    "GPT-2, the head alone": (GPT, head_alone(WTE), True),
    "GPT-2, longer masks": (GPT, longer_masks, True),
    "Llama, its own head": (LLAMA, own_head(EMBED), False),
    "Llama, the head repeated": (LLAMA, same_head(EMBED), True),
    "Llama, the head alone": (LLAMA, head_alone(EMBED), True),
    "Llama, inv_freq": (LLAMA, inv_freq, True),
    "Llama, two rope_theta": (LLAMA, two_bases, True),
    "Llama, an older rope_scaling": (LLAMA, older_rope, True),
    "Llama, rope_scaling beside rope_parameters": (LLAMA, two_ropes, True),
}


def write(name, directory):
    """Make the directory of this name. The tokens to read are those of the one it is made of."""
    source, edit, _ = EDITS[name]
    shutil.copytree(source, directory, dirs_exist_ok=True)
    settings = json.loads((source / "config.json").read_text())
    tensors = load_file(source / "model.safetensors")
    edit(settings, tensors)
    (directory / "config.json").write_text(json.dumps(settings))
    save_file(tensors, directory / "model.safetensors", {"format": "pt"})
    return load_file(source / "expected.safetensors")["tokens"]
