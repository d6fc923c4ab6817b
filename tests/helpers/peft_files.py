"""An adapter's folder written by hand as PEFT writes it, sound, to be broken on purpose."""

import json

import numpy as np

from helpers.adapters import CONFIG, WEIGHTS
from helpers.safetensors_files import save_file

SETTINGS = {
    "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 4, "bias": "none",
    "target_modules": ["c_attn", "attn.c_proj", "c_fc"], "lora_dropout": 0.0, "use_dora": False,
    "use_rslora": False, "fan_in_fan_out": True, "init_lora_weights": True,
    "peft_version": "0.21.2", "modules_to_save": None, "base_model_name_or_path": "some/gpt2",
}  # fmt: skip
PREFIX = "base_model.model.transformer."


def sizes(model, targets):
    """{layer: (in, out)} of the layers that the targets name."""
    return {
        name: (layer.in_features, layer.out_features)
        for name, layer in model.linears()
        if any(f".{name}".endswith(f".{target}") for target in targets)
    }


def tensors_of(model, targets=SETTINGS["target_modules"], rank=2, seed=0):
    """{PEFT's name: array} of A (r, in) and B (out, r) as training leaves them: small, not zero."""
    rng, made = np.random.default_rng(seed), {}
    for name, (n_in, n_out) in sizes(model, targets).items():
        A, B = rng.normal(0, n_in**-0.5, (rank, n_in)), rng.normal(0, 0.05, (n_out, rank))
        made[f"{PREFIX}{name}.lora_A.weight"] = A.astype(np.float32)
        made[f"{PREFIX}{name}.lora_B.weight"] = B.astype(np.float32)
    return made


def lengths_of(model, targets=SETTINGS["target_modules"], axis=0):
    """{PEFT's name: array} of DoRA's lengths as they start: the norms of W (in, out) along 0."""
    layers = dict(model.linears())
    return {
        f"{PREFIX}{name}.lora_magnitude_vector": np.linalg.norm(
            layers[name].effective_weight(), axis=axis
        )
        for name in sizes(model, targets)
    }


def write_adapter(directory, tensors, **changes):
    directory.mkdir(parents=True)
    whole = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    save_file(whole, directory / WEIGHTS)
    (directory / CONFIG).write_text(json.dumps(SETTINGS | changes))
    return directory
