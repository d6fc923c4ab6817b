"""mlx-lm's adapters: adapter_config.json, with its own settings, and adapters.safetensors.

Its A is (in, r) and its B (r, out), as here; one rank and one scale hold for all layers, and DoRA's
lengths are `m`. `keys` are the layers' names within a block, `num_layers` how many blocks have
them, counted from the last.
"""

import contextlib

import numpy as np

from ..nn import GPTConfig
from .adapter_lora import Rearranged, is_dora, largest, low_rank_layers
from .dtypes import as_written
from .peft.adapter import CONFIG
from .peft.found import WEIGHTS as PEFT_WEIGHTS
from .peft.names import OURS
from .safetensors_io import listed, number, open_tensors, read_json, write_directory

WEIGHTS, PREFIX = "adapters.safetensors", "model."
PARTS = {".lora_a": ".lora_A.weight", ".lora_b": ".lora_B.weight", ".m": ".lora_magnitude_vector"}
PARAMETERS = ("rank", "scale", "dropout", "keys", "alpha")  # alpha: as in mlx-lm, of no effect


@contextlib.contextmanager
def opened(model, directory):
    """Yield (what PEFT's settings would say, {PEFT's name: tensor}) of the adapter's folder.

    Raises: ValueError for files that are not whole, or do not fit each other.
    """
    config = read_json(directory / CONFIG)
    kind = config.get("fine_tune_type", "dora" if config.get("use_dora") else "lora")
    if kind not in ("lora", "dora", "full"):
        expected = "expected fine_tune_type lora, dora or full"
        raise ValueError(f"{directory}: {expected}, got {str(kind)[:40]!r}")
    with open_tensors(directory / WEIGHTS) as stored:
        if kind == "full":
            yield whole_modules(model, stored, directory), in_our_names(stored)
            return
        layers = {full.rpartition(".")[0] for full in stored}
        said = parameters(model, config, layers, directory)
        said |= {"peft_type": "LORA", "use_dora": kind == "dora"}
        yield said | {"target_modules": sorted(map(without_prefix, layers))}, in_our_names(stored)


def without_prefix(name):
    return name.removeprefix(PREFIX)


def in_our_names(stored):
    """{PEFT's name, without what stands before it: tensor in PEFT's order}."""
    result = {}
    for full, tensor in stored.items():
        end = next((end for end in PARTS if full.endswith(end)), "")
        if end in (".lora_a", ".lora_b"):
            tensor = Rearranged(tensor, tensor.shape[::-1], np.transpose)
        result[without_prefix(full.removesuffix(end)) + PARTS.get(end, "")] = tensor
    return result


def parameters(model, config, layers, where):
    """PEFT's rank, alpha and dropout of `lora_parameters`.

    Raises: ValueError for what it does not understand, or `layers` that mlx-lm would not adapt.
    """
    said = config.get("lora_parameters")
    if (
        not isinstance(said, dict)
        or said.keys() - PARAMETERS
        or not {"rank", "scale"} <= said.keys()
    ):
        expected = f"lora_parameters with rank and scale, of {', '.join(PARAMETERS)}"
        raise ValueError(f"{where}: expected {expected}, got {str(said)[:80]}")
    rank, scale, dropout = (number(said, name, 0.0, where) for name in PARAMETERS[:3])
    keys, count = said.get("keys"), config.get("num_layers", config.get("lora_layers"))
    if not (keys is None or isinstance(keys, list)) or type(count) is not int:
        expected = "keys to be a list of names, and num_layers a whole number"
        raise ValueError(f"{where}: expected {expected}, got {str(keys)[:40]} and {count!r}")
    first = max(0, model.config.n_layer - count) if count > 0 else 0
    outside = []
    for full in sorted(layers):
        _, i, part = [*without_prefix(full).split(".", 2), "", ""][:3]
        inside = i.isdecimal() and int(i) >= first and (keys is None or part in keys)
        outside += [] if inside or full in (keys or ()) else [full]
    if outside:
        raise ValueError(
            f"{where}: keys and num_layers leave out {listed(outside)}, which it holds"
        )
    return {"r": rank, "lora_alpha": scale * rank, "lora_dropout": dropout}


def whole_modules(model, stored, where):
    """PEFT's settings for weights that learnt as they are: `fine_tune_type` "full"."""
    if isinstance(model.config, GPTConfig):  # whose linear layers lie the other way in mlx-lm
        raise ValueError(f"{where}: fine_tune_type full is read for Llamas, and this is a GPT-2")
    return {"peft_type": OURS, "modules_to_save": sorted({n.rpartition(".")[0] for n in stored})}


def save(model, directory, base):
    """Write both files. Raises: ValueError for what is neither LoRA nor DoRA."""
    layers = low_rank_layers(model, "mlx-lm's form", DoRA=True)
    scale = largest([layer.scale for layer in layers.values()])
    rank = max(layer.A.shape[1] for layer in layers.values())
    arrays = {}
    for name, layer in layers.items():
        more = (0, rank - layer.A.shape[1])  # zeros change nothing
        A = np.pad(layer.A.data, ((0, 0), more))
        B = np.pad(layer.B.data * (layer.scale / scale), (more, (0, 0)))  # one scale for all
        parts = {"lora_a": A, "lora_b": B} | ({"m": layer.m.data} if is_dora(layer) else {})
        for part, array in parts.items():
            full = f"{PREFIX}{name}.{part}"
            arrays[full] = as_written(array, "float32", "save_adapter", full)
    places = [name.split(".", 2) for name in layers]
    said = {"rank": rank, "scale": scale, "dropout": next(iter(layers.values())).dropout}
    said["keys"] = sorted({part for _, _, part in places})
    config = {
        "fine_tune_type": "dora" if is_dora(next(iter(layers.values()))) else "lora",
        "lora_parameters": said,
        "num_layers": model.config.n_layer - min(int(i) for _, i, _ in places),
        "model": None if base is None else str(base),
    }
    others = [PEFT_WEIGHTS]  # it would contradict the new settings
    write_directory(directory, {WEIGHTS: arrays}, {CONFIG: config}, in_place_of=others)
