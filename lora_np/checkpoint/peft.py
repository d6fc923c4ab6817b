"""Adapters in PEFT's files: adapter_config.json and adapter_model.safetensors.

Each method's own file says what PEFT calls it and its arrays: `peft_config`, `from_peft`, and
`peft_arrays`, whose arrays are views of the parameters, transposed where PEFT's are. So saving is
reading those views, and loading is writing to them. What learns beside a method's own numbers is
here: whole modules (`modules_to_save`) and biases (`bias`).

PEFT has no form for a head or biases alone, nor for bottleneck adapters; for those `peft_type` is
this library's own name, which PEFT refuses to load.
"""

from pathlib import Path

import numpy as np

from ..methods import (
    IA3,
    BitFit,
    BottleneckAdapters,
    DoRA,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
)
from ..methods.common import linear_slots
from ..nn.gpt import GPT
from .tensors import (
    compare_shapes,
    confirm,
    listed,
    open_tensors,
    read_json,
    stamp,
    write_directory,
)

METHODS = (  # every method with a form of its own, in the order in which loading applies them
    LoRA, DoRA, IA3, BottleneckAdapters, BitFit, HeadTuning, PrefixTuning, PromptTuning,
)  # fmt: skip
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
EMBEDDINGS = ("wte.", "embed_tokens.")
AT_THE_TOP = ("lm_head.", "score.")  # modules that stand beside the body, not in it
UNPREFIXED = ("prompt_embeddings",)
OURS = "LORA_NP"
GENERAL = {  # what load_adapter itself reads, or what says nothing about the numbers
    "peft_type", "task_type", "modules_to_save", "bias", "base_model_name_or_path",
    "inference_mode", "peft_version", "revision", "auto_mapping",
}  # fmt: skip


def save_adapter(model, directory):
    """Write what the methods in `model.methods` trained, as PEFT would.

    An adapter that was there keeps its place until the new files are whole.
    Raises: ValueError if nothing learns, or something does that an adapter's file cannot hold.
    """
    learns = {name: p for name, p in model.named_parameters() if p.trainable}
    if not learns:
        raise ValueError("save_adapter: nothing in this model learns, so there is no adapter")
    config, arrays = {"peft_type": OURS, "task_type": "CAUSAL_LM", "modules_to_save": []}, {}
    kinds = []
    for method in model.methods:
        if hasattr(method, "peft_config"):
            part = method.peft_config()
            kinds.append(part.get("peft_type"))
            part["modules_to_save"] = config["modules_to_save"] + part.get("modules_to_save", [])
            config |= part
            arrays |= method.peft_arrays(model)
    check_one_kind(kinds)
    rest = {
        name: p
        for name, p in learns.items()
        if not any(np.may_share_memory(p.data, array) for array in arrays.values())
    }
    config["bias"], modules = beside_the_methods(model, rest, config)
    config["modules_to_save"] = (config["modules_to_save"] + modules) or None
    config |= {"base_model_name_or_path": None, "inference_mode": True}
    if "fan_in_fan_out" in config:  # GPT-2's own files have their weights (in, out)
        config["fan_in_fan_out"] = model.file_prefix == GPT.file_prefix
    arrays |= {file: p.data for file, p in named_beside(model, config).items()}
    arrays = {to_file(name, model.file_prefix): array for name, array in arrays.items()}
    write_directory(directory, arrays, config, WEIGHTS, CONFIG)


def load_adapter(model, directory):
    """A view of `model` with the adapter in `directory`; its numbers learn, `model` is untouched.

    Raises: ValueError, with `model` as it was, for an adapter of another kind, rank or base, or
    files that are not whole; it lists every tensor missing, unexpected or misshapen.
    """
    directory = Path(directory)
    config, seen = read_json(directory / CONFIG), stamp(directory / CONFIG)
    with open_tensors(directory / WEIGHTS) as stored:
        stored = from_file(stored, model.file_prefix, directory)
        shapes = {name: tensor.shape for name, tensor in stored.items()}
        try:
            check_config(config)
            found = [kind.from_peft(config, shapes, model) for kind in METHODS]
            found = [method for method in found if method is not None]
            check_understood(config, found)
            view, rng = model.view(), np.random.default_rng(0)  # what it draws is overwritten
            if not model.methods:
                view.freeze()
            for method in found:
                view = method.apply(view, rng)
            arrays = {}
            for method in found:
                arrays |= method.peft_arrays(view)
            beside = named_beside(view, config)
            if beside.keys() & arrays.keys():
                raise ValueError(f"saved twice: {listed(beside.keys() & arrays.keys())}")
        except ValueError as error:
            raise ValueError(f"{directory}: {error}") from error
        for parameter in beside.values():
            parameter.data, parameter.trainable = parameter.data.copy(), True
        arrays |= {name: parameter.data for name, parameter in beside.items()}
        compare_shapes({name: array.shape for name, array in arrays.items()}, stored, directory)
        for name, array in arrays.items():
            array[...] = stored[name].read(array.dtype)
    now = read_json(directory / CONFIG), stamp(directory / CONFIG)
    confirm(now, (config, seen), directory / CONFIG)
    return view


def check_one_kind(kinds):
    """Raise ValueError for more than one of PEFT's kinds; None is a method that needs none."""
    kinds = [kind for kind in kinds if kind is not None]
    if len(kinds) > 1:
        raise ValueError(
            f"save_adapter: PEFT's files hold one method, and here are {' and '.join(kinds)}"
        )


def check_config(config):
    """Raise ValueError for general settings of the wrong type."""
    if not isinstance(config.get("peft_type"), str):
        raise ValueError(f"expected a peft_type, got {config.get('peft_type')!r}")
    saved = config.get("modules_to_save") or []
    if not isinstance(saved, list) or not all(isinstance(name, str) for name in saved):
        raise ValueError(f"expected modules_to_save to be a list of names, got {saved!r}")
    if config.get("bias", "none") not in ("none", "all", "lora_only"):
        raise ValueError(f"expected bias none, all or lora_only, got {config['bias']!r}")


def check_understood(config, methods):
    """Raise ValueError unless `methods` are all that the config asks for.

    A setting unknown here may be there if it is off: 0, false, null or empty.
    """
    known = GENERAL.union(*(m.peft_config().keys() | set(m.peft_ignores) for m in methods))
    kinds = {m.peft_config().get("peft_type", OURS) for m in methods} | {OURS}
    if config["peft_type"] not in kinds:
        raise ValueError(f"peft_type {config['peft_type']!r} is no method that this library has")
    unknown = {name: value for name, value in config.items() if name not in known and value}
    if unknown:
        raise ValueError(f"settings that this library does not have: {unknown}")


def beside_the_methods(model, rest, config):
    """(bias, modules_to_save) that say which parameters `rest` learn beside the methods' own.

    Raises: ValueError if no such settings say it.
    """
    biases = dict.fromkeys(("all", "lora_only"))
    for kind in biases:
        biases[kind] = set(bias_names(model, kind))
    bias = next((kind for kind, names in biases.items() if names and names <= set(rest)), "none")
    if bias != "none" and config["peft_type"] not in ("LORA", OURS):
        raise ValueError(f"save_adapter: PEFT has no form for biases beside {config['peft_type']}")
    left = [name for name in rest if bias == "none" or name not in biases[bias]]
    inside = tuple(name + "." for name, _, _ in linear_slots(model))
    alone = [name for name in left if name.startswith((*inside, *EMBEDDINGS))]
    if alone:
        raise ValueError(
            f"save_adapter: an adapter's file has no place for {listed(alone)}, which learn; "
            "save_gpt2 saves a whole model"
        )
    return bias, sorted({name.rpartition(".")[0] for name in left})


def bias_names(model, kind):
    """Our names of the biases that PEFT's `bias` setting trains: all, or the wrapped layers'."""
    names = [name for name, _ in model.named_parameters() if name.split(".")[-1] == "bias"]
    if kind == "none":
        return []
    if kind == "all":
        return names
    return [name for name in names if name.rpartition(".")[0] in wrapped(model)]


def wrapped(model):
    return {name for name, c, key in linear_slots(model) if "base" in vars(c[key])}


def named_beside(model, config):
    """{PEFT's name: Parameter} of the biases and whole modules that the config says are saved.

    Raises: ValueError for a module that is not there, or is part of one that is wrapped.
    """
    saved = [n for n in config.get("modules_to_save") or [] if n not in ("lm_head", "score")]
    names, inside = set(bias_names(model, config.get("bias", "none"))), wrapped(model)
    parameters = dict(model.named_parameters())
    for module in saved:
        hits = {name for name in parameters if belongs(name, module)}
        if not hits and module != "classifier":  # PEFT asks for it on every model with classes
            raise ValueError(f"modules_to_save: no module is called {module!r}")
        inside_one = any(belongs(name, slot) for name in hits for slot in inside)
        if inside_one or any(name.startswith(EMBEDDINGS) for name in hits):
            raise ValueError(f"modules_to_save: {module!r} is wrapped, or is the embedding")
        names |= hits
    result = {}
    for name in sorted(names):
        layer, _, last = name.rpartition(".")
        result[f"{layer}.base_layer.{last}" if layer in inside else name] = parameters[name]
    return result


def belongs(name, module):
    """Whether the parameter is in a module whose dotted name ends in `module`."""
    parts = name.split(".")[:-1]
    return any(
        ("." + ".".join(parts[:end])).endswith("." + module) for end in range(1, len(parts) + 1)
    )


def to_file(name, body):
    """Our dotted name, behind what PEFT puts before it."""
    if name in UNPREFIXED:
        return name
    return PREFIX + (name if name.startswith(AT_THE_TOP) else body + name)


def from_file(stored, body, directory):
    """{our name: tensor}; files of the bare body have not `body` in their names."""
    result = {}
    for name, tensor in stored.items():
        short = name.removeprefix(PREFIX).removeprefix(body)
        if short in result:
            raise ValueError(f"{directory}: {name} and {result[short].name} are the same")
        result[short] = tensor
    return result
