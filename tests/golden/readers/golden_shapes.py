"""The golden folders of golden/make/make_shapes.py, and how far we are off."""

from pathlib import Path

import numpy as np

from helpers.safetensors_files import load_file
from lora_np.checkpoint import load_adapter, load_llama
from lora_np.checkpoint.peft.forms import arrays
from lora_np.checkpoint.peft.names import to_file
from lora_np.methods import merge

SHAPES = Path(__file__).parents[1] / "data" / "shapes"
NAMES = sorted(path.name for path in SHAPES.iterdir() if (path / "adapter_config.json").exists())


def adapted(name):
    """The tiny Llama with the golden adapter, in float32 as the files are."""
    return load_adapter(load_llama(SHAPES / "base"), SHAPES / name)


def differences(name):
    """{what: max|ours − PEFT's| / max|PEFT's|} of logits, of the gradients, of merged weights.

    Both compute in float64, PEFT's norms and angles in float32. What PEFT has a gradient for and
    we have not, or the reverse, is an infinite difference.
    """
    expected, model = load_file(SHAPES / name / "expected.safetensors"), adapted(name)
    model = model.astype(np.float64)
    logits, cache = model.forward(expected["tokens"])
    worst = {"logits": off(logits, expected["logits"])}
    if "dlogits" not in expected:
        return worst
    model.backward(expected["dlogits"].astype(np.float64), cache)
    theirs = {n.removeprefix("grad."): g for n, g in expected.items() if n.startswith("grad.")}
    ours = gradients(model)
    both = ours.keys() == theirs.keys()
    worst["gradients"] = max(off(ours[n], theirs[n]) for n in theirs) if both else np.inf
    if theirs := {n: w for n, w in expected.items() if n.startswith("merged.")}:
        ours = {f"merged.model.{n}": p.data.T for n, p in merge(model).named_parameters()}
        worst["merged"] = max(off(ours[n], w) for n, w in theirs.items())
    return worst


def gradients(model):
    """{the file's name: gradient} of what learns, by the form's own renaming and turning."""
    learns = {id(p) for p in model.trainable_parameters()}
    marked, grads = model.view(), model.view()
    for p, mark, grad in zip(model.parameters(), marked.parameters(), grads.parameters()):
        own = id(p) in learns
        mark.data = np.full(p.shape, np.nan if own else 0.0)
        grad.data = p.grad if own else np.zeros(p.shape)
    mine = [name for name, array in arrays(marked).items() if np.isnan(array).any()]
    found = arrays(grads)
    return {to_file(name, model): found[name] for name in mine}


def off(ours, theirs):
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
