"""LoRA as a GGUF file, as llama.cpp's own converter writes it of PEFT's: for `--lora` and back.

A (r, in) and B (out, r) lie as in PEFT's files, under the name of the weight that they change; the
rows of a Llama's q and k, and so those of their B, are in GGUF's order (`llama_gguf.py`). llama.cpp
scales each pair by alpha / r, or by 1 where alpha is 0; it has neither DoRA nor √r.
"""

import contextlib

from ..nn import GPTConfig
from ..system.extras import import_extra
from ..system.files import whole_file
from .adapter_lora import Rearranged, largest, low_rank_layers
from .dtypes import as_written
from .gguf import open_gguf
from .llama_gguf import IN_GGUF, architecture_of, as_meant, in_halves, in_neighbours, in_pairs, ours

FILE = "adapter.gguf"
ALPHA, KIND, TYPE = "adapter.lora.alpha", "adapter.type", "general.type"
KNOWN = (ALPHA, KIND, "adapter.lora.task_name")  # any other says how it is computed
ENDS = {".weight.lora_a": ".lora_A.weight", ".weight.lora_b": ".lora_B.weight"}


def is_adapter(file):
    return file.get(TYPE, str, "model") == "adapter"


def only_one(directory):
    """The one GGUF file in a folder that holds no other adapter, or None."""
    found = sorted(directory.glob("*.gguf")) if directory.is_dir() else []
    others = found and any(directory.glob("adapter*.safetensors"))
    return found[0] if len(found) == 1 and not others else None


@contextlib.contextmanager
def opened(model, path):
    """Yield (what PEFT's settings would say, {PEFT's name: tensor}) of the adapter's file.

    Raises: ImportError without the extra `llm`; ValueError for what is no LoRA of such a model.
    """
    file = open_gguf(only_one(path) or path)
    for name, expected in ((TYPE, "adapter"), (KIND, "lora")):
        if (found := file.get(name, str, "model")) != expected:
            raise ValueError(f"{file.path}: expected {name} {expected!r}, got {found!r}")
    odd = [n for n in file.fields if n.startswith("adapter.") and n not in KNOWN]
    if odd:
        raise ValueError(f"{file.path}: settings that this library does not have: {odd}")
    architecture = file.get("general.architecture", str)
    if not isinstance(model.config, GPTConfig) and architecture != architecture_of(model.config):
        trained_on = f"was trained on the architecture {architecture!r}"
        raise ValueError(f"{file.path} {trained_on}, and this is {architecture_of(model.config)!r}")

    stored, head_dim = {}, model.config.head_dim
    for full, tensor in file.tensors.items():
        end = next((end for end in ENDS if full.endswith(end)), "")
        layer = ours(full.removesuffix(end) + ".weight").removesuffix(".weight") if end else full
        if end == ".weight.lora_b" and in_pairs(architecture, layer):
            tensor = Rearranged(tensor, tensor.shape, lambda B: in_halves(B, head_dim))
        stored[layer + ENDS.get(end, "")] = tensor
    yield settings(stored, as_meant(file.get(ALPHA, float, 0.0))), stored


def settings(stored, alpha):
    """PEFT's, for one alpha and the ranks that the tensors have."""
    end = ".lora_A.weight"
    ranks = {n.removesuffix(end): t.shape[0] for n, t in stored.items() if n.endswith(end)}
    usual = max(ranks.values(), default=1)
    config = {"peft_type": "LORA", "r": usual, "target_modules": list(ranks)}
    config["lora_alpha"] = alpha or usual
    others = {name: rank for name, rank in ranks.items() if rank != usual}
    return (
        config
        | ({"rank_pattern": others} if others else {})
        | ({"alpha_pattern": others} if others and not alpha else {})
    )


def save(model, directory, base):
    """Write adapter.gguf. Raises: ValueError for what is not LoRA on a Llama, or a folder with an
    adapter in another form, which would be read in its place."""
    if any(directory.glob("adapter*.safetensors")):
        raise ValueError(f"{directory} holds an adapter in another form: give {FILE} a folder")
    layers = low_rank_layers(model, "llama.cpp's form", DoRA=False)
    if isinstance(model.config, GPTConfig):
        raise ValueError("llama.cpp's form of an adapter is written for Llamas; this is a GPT-2")
    library = import_extra("gguf")  # after the checks: nobody installs it to be refused
    architecture, head_dim = architecture_of(model.config), model.config.head_dim
    alphas = {name: layer.scale * layer.A.shape[1] for name, layer in layers.items()}
    alpha = largest(alphas.values())
    with whole_file(directory / FILE) as temporary:
        writer = library.GGUFWriter(temporary, architecture)
        writer.add_type(library.GGUFType.ADAPTER)
        writer.add_string(KIND, "lora")
        writer.add_float32(ALPHA, alpha)
        for name, layer in layers.items():
            B = layer.B.data.T * (alphas[name] / alpha)  # (out, r): one alpha for all
            B = in_neighbours(B, head_dim) if in_pairs(architecture, name) else B
            _, i, part = name.split(".", 2)
            full = f"blk.{i}.{IN_GGUF[part]}.weight"
            for end, array in (("a", layer.A.data.T), ("b", B)):
                array = as_written(array, "float32", "save_adapter", name)
                writer.add_tensor(f"{full}.lora_{end}", array.copy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
