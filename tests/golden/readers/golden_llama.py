"""The golden files of golden/make_llama.py: how far this library's Llama is from transformers'."""

import json
from pathlib import Path

import numpy as np

from helpers.safetensors_files import load_file, metadata_of
from lora_np.nn import Head, Llama, LlamaConfig
from lora_np.objectives import cross_entropy
from lora_np.tasks import Batch

HERE = Path(__file__).parents[1] / "data"


def names():
    return sorted(path.stem for path in HERE.glob("llama_*.safetensors"))


def golden(name, dtype):
    """(the file's tensors, the Llama with its start weights, which are (out, in) there)."""
    path = HERE / f"{name}.safetensors"
    theirs, sizes = load_file(path), json.loads(metadata_of(path)["config"])
    tied = sizes.pop("tie_word_embeddings", True)
    model = Llama(LlamaConfig(**sizes), None, dtype)
    if not tied:
        model.lm_head = Head(model.lm_head.weight.data.copy())
    ours = dict(model.named_parameters())
    starts = {key.removeprefix("start.") for key in theirs if key.startswith("start.")}
    assert set(ours) == starts, set(ours) ^ starts
    for key, parameter in ours.items():
        parameter.data = as_ours(key, theirs["start." + key]).astype(dtype)
    return theirs, model


def as_ours(key, array):
    """A linear layer's weight is (out, in) in their files and (in, out) here."""
    return array.T if key.endswith("_proj.weight") else array


def differences(name, dtype):
    """{what: max|ours − theirs|} for logits, loss and gradients."""
    theirs, model = golden(name, dtype)
    batch = Batch(theirs["tokens"], theirs["targets"], theirs["weights"])
    logits, cache = model.forward(batch.tokens)
    loss, dlogits = cross_entropy(logits, batch)
    model.backward(dlogits, cache)
    return {
        "logits": float(np.abs(logits - theirs["logits"]).max()),
        "loss": float(abs(loss - theirs["loss"])),
        "gradients": max(
            float(np.abs(p.grad - as_ours(key, theirs["grad." + key])).max())
            for key, p in model.named_parameters()
        ),
    }
