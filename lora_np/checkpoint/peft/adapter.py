"""adapter_config.json and adapter_model.safetensors: what the methods trained, and nothing else."""

from os import PathLike
from pathlib import Path

import numpy as np

from ...nn import GPTConfig
from ...nn.module import Module
from ...system.checks import said_of
from ..dtypes import as_written
from ..safetensors_io import (
    compare_shapes,
    confirm,
    listed,
    open_tensors,
    read_json,
    stamp,
    write_directory,
)
from . import trainable_tokens
from .beside import arrays_beside, beside_the_methods, named_beside, untied
from .forms import FORMS, arrays, form_of
from .found import WEIGHTS, called, check_base, weights_in
from .names import OURS, body_prefix, from_file, to_file

CONFIG = "adapter_config.json"
PLACES = np.int32  # where a method's numbers belong; all other arrays are numbers that learn
# What load_adapter itself reads, or what says nothing about the numbers.
GENERAL = """peft_type task_type modules_to_save bias base_model_name_or_path inference_mode
    peft_version revision auto_mapping ensure_weight_tying""".split()


def save_adapter(
    model: Module, directory: str | PathLike[str], base: str | PathLike[str] | None = None
) -> None:
    """As `checkpoint.adapter.save_adapter`, in PEFT's form."""
    for form in map(form_of, model.methods):
        model = getattr(form, "as_saved", lambda model: model)(model)
    learns = {name: p for name, p in model.named_parameters() if p.trainable}
    if not learns:
        raise ValueError("save_adapter: nothing in this model learns, so there is no adapter")
    config, own = config_of(model.methods), arrays(model)
    rest = {
        name: p
        for name, p in learns.items()
        if p.size and not any(np.may_share_memory(p.data, array) for array in own.values())
    }
    config["bias"], modules, tied = beside_the_methods(model, rest, config)
    config["modules_to_save"] = (config["modules_to_save"] + modules) or None
    if tied:
        config["ensure_weight_tying"] = True
    if "token_indices" in config:
        config = trainable_tokens.settled(config, model)
    name = None if base is None else str(base)
    config |= {"base_model_name_or_path": name, "inference_mode": True}
    if "fan_in_fan_out" in config:  # GPT-2's own files have their weights (in, out)
        config["fan_in_fan_out"] = isinstance(model.config, GPTConfig)
    own |= arrays_beside(model, named_beside(model, config, learns.keys()))
    own = {
        to_file(name, model): array
        if array.dtype == PLACES
        else as_written(array, None, "save_adapter", name)
        for name, array in own.items()
    }
    write_directory(directory, {WEIGHTS: own}, {CONFIG: config})


def load_adapter(model: Module, directory: str | PathLike[str]) -> Module:
    """As `checkpoint.adapter.load_adapter`, of PEFT's form."""
    directory = Path(directory)
    config, seen = read_json(directory / CONFIG), stamp(directory / CONFIG)
    with open_tensors(weights_in(directory)) as stored:
        view = filled(model, config, from_file(stored, body_prefix(model), directory), directory)
    now = read_json(directory / CONFIG), stamp(directory / CONFIG)
    confirm(now, (config, seen), directory / CONFIG)
    return view


def filled(model, config, stored, where):
    """A view of `model` with the adapter that `config` describes, its numbers read from `stored`,
    {PEFT's name, without what stands before it: tensor}."""
    shapes = {name: tensor.shape for name, tensor in stored.items()}
    check_base(where, config, shapes, model)
    with said_of(where):
        view, own, beside = prepared(model, config, shapes)
    own |= arrays_beside(view, beside)
    expected = {name: array.shape for name, array in own.items()}
    compare_shapes(expected, stored, f"{where}{called(config)}")
    for name, array in own.items():
        of = stored[name]
        array[...] = of.read_raw(("I32",)) if array.dtype == PLACES else of.read(array.dtype)
    for form in map(form_of, view.methods):
        getattr(form, "check", lambda view: None)(view)
    return view


def config_of(methods):
    """adapter_config.json, but for what learns beside the methods.

    Raises: ValueError for methods of more than one of PEFT's kinds.
    """
    kinds, saved = [], []
    config = {"peft_type": OURS, "task_type": "CAUSAL_LM", "modules_to_save": saved}
    for part in (form.config(method) for method in methods if (form := form_of(method))):
        kinds += [part["peft_type"]] if "peft_type" in part else []
        saved += part.get("modules_to_save", [])
        config |= part | {"modules_to_save": saved}
    if sorted(kinds) == ["LORA", trainable_tokens.ALONE]:  # an option of LoRA's
        kinds, config["peft_type"] = ["LORA"], "LORA"
    if len(kinds) > 1:
        raise ValueError(
            f"save_adapter: PEFT's files hold one method, and here are {' and '.join(kinds)}"
        )
    return config


def prepared(model, config, shapes):
    """(a view with the methods that the config asks for, their arrays, the Parameters beside).

    Raises: ValueError for a config that is not understood, or does not fit the model.
    """
    check_config(config)
    found = [form.method_from(config, shapes, model) for form in dict.fromkeys(FORMS.values())]
    found = [method for method in found if method is not None]
    check_understood(config, found)
    view, rng = model.view(), np.random.default_rng(0)  # what it draws is overwritten
    if not model.methods:
        view.freeze()
    for method in found:
        view = method.apply(view, rng)
    untied(view, config)
    beside = named_beside(view, config, shapes.keys())
    for parameter in beside.values():
        parameter.data, parameter.trainable = parameter.data.copy(), True
    own = arrays(view, found)
    if beside.keys() & own.keys():
        raise ValueError(f"saved twice: {listed(beside.keys() & own.keys())}")
    return view, own, beside


def check_config(config):
    """Raise ValueError for general settings of the wrong type."""
    if not isinstance(config.get("peft_type"), str):
        raise ValueError(f"expected a peft_type, got {config.get('peft_type')!r}")
    for flag in ("use_rslora", "use_dora", "tiny_shared", "lora_bias", "ensure_weight_tying"):
        if not isinstance(config.get(flag, False), bool | None):
            raise ValueError(f"expected {flag} true or false, got {config[flag]!r}")
    saved = config.get("modules_to_save") or []
    if not isinstance(saved, list) or not all(isinstance(name, str) for name in saved):
        raise ValueError(f"expected modules_to_save to be a list of names, got {saved!r}")
    if config.get("bias", "none") not in ("none", "all", "lora_only"):
        raise ValueError(f"expected bias none, all or lora_only, got {config['bias']!r}")


def check_understood(config, methods):
    """Raise ValueError unless `methods` are all that the config asks for.

    A setting unknown here may be there if it is off: 0, false, null or empty.
    """
    known, kinds = set(GENERAL), {OURS}
    for method in methods:
        form = form_of(method)
        part = form.config(method)
        known |= part.keys() | set(getattr(form, "IGNORES", ()))
        kinds.add(part.get("peft_type", OURS))
    if config["peft_type"] not in kinds:
        raise ValueError(f"peft_type {config['peft_type']!r} is no method that this library has")
    unknown = {name: value for name, value in config.items() if name not in known and value}
    if unknown:
        raise ValueError(f"settings that this library does not have: {unknown}")
