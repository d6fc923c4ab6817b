"""The golden files of golden/make_gpt2.py: how far this library is from torch."""

import json
from pathlib import Path

import numpy as np

from helpers.safetensors_files import load_file, metadata_of
from lora_np.nn import GPT, GPTConfig
from lora_np.objectives import cross_entropy
from lora_np.tasks import Batch
from lora_np.train import AdamW

HERE = Path(__file__).parents[1] / "data"


def names():
    return sorted(path.stem for path in HERE.glob("gpt2_*.safetensors"))


def load(name):
    """The tensors and the metadata of one golden file."""
    path = HERE / f"{name}.safetensors"
    return load_file(path), metadata_of(path)


def differences(name, dtype):
    """{what: max|ours − theirs|} for logits, loss, gradients, and weights after five steps.

    The key bias is listed apart: softmax ignores it, so its gradient is 0 but for rounding, and
    AdamW divides that rounding by its own size. In float32 the two libraries differ there, and
    nowhere that shows in the logits.
    """
    theirs, metadata = load(name)
    model = GPT(GPTConfig(**json.loads(metadata["config"])), np.random.default_rng(0), dtype)
    ours = dict(model.named_parameters())
    starts = {key.removeprefix("start.") for key in theirs if key.startswith("start.")}
    assert set(ours) == starts, set(ours) ^ starts
    for key, parameter in ours.items():
        assert parameter.shape == theirs["start." + key].shape, key
        parameter.data[...] = theirs["start." + key]
    batch = Batch(theirs["tokens"], theirs["targets"], theirs["weights"])
    optimizer = AdamW(model.parameters(), **json.loads(metadata["adamw"]))
    for step in range(5):
        logits, cache = model.forward(batch.tokens)
        loss, dlogits = cross_entropy(logits, batch)
        model.backward(dlogits, cache)
        if step == 0:
            gaps = {
                "logits": np.abs(logits - theirs["logits"]).max(),
                "loss": abs(loss - theirs["loss"]),
                "gradients": max(
                    np.abs(p.grad - theirs["grad." + key]).max() for key, p in ours.items()
                ),
            }
        optimizer.step()
    gaps["weights after 5 steps"] = gaps["key bias after 5 steps"] = 0.0
    for key, p in ours.items():
        gap, what = np.abs(p.data - theirs["end." + key]), "weights after 5 steps"
        if key.endswith("c_attn.bias"):
            queries, keys, values = np.split(gap, 3)
            gaps["key bias after 5 steps"] = max(gaps["key bias after 5 steps"], keys.max())
            gap = np.concatenate([queries, values])
        gaps[what] = max(gaps[what], gap.max())
    gaps["logits after 5 steps"] = np.abs(model(batch.tokens) - theirs["end_logits"]).max()
    return {what: float(gap) for what, gap in gaps.items()}
