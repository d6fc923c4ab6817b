"""What learns beside a method's own numbers: whole modules (`modules_to_save`), biases (`bias`).

PEFT has no form for these alone; then `peft_type` is this library's own.
"""

from ...nn import Wrapper
from ..safetensors_io import listed
from .names import EMBEDDINGS, OURS


def beside_the_methods(model, rest, config):
    """(bias, modules_to_save) that say which parameters `rest` learn beside the methods' own."""
    biases = {kind: set(bias_names(model, kind)) for kind in ("all", "lora_only")}
    bias = next((kind for kind, names in biases.items() if names and names <= set(rest)), "none")
    if bias != "none" and config["peft_type"] not in ("LORA", OURS):
        raise ValueError(f"save_adapter: PEFT has no form for biases beside {config['peft_type']}")
    left = [name for name in rest if bias == "none" or name not in biases[bias]]
    inside = tuple(name + "." for name, _ in model.linears())
    alone = [name for name in left if name.startswith((*inside, *EMBEDDINGS))]
    if alone:
        what = f"no place for {listed(alone)}, which learn; save_gpt2 saves a whole model"
        raise ValueError(f"save_adapter: an adapter's file has {what}")
    return bias, sorted({name.rpartition(".")[0] for name in left})


def bias_names(model, kind):
    """Our names of the biases that PEFT's `bias` trains: none, all, or the wrapped layers' own."""
    names = [name for name, _ in model.named_parameters() if name.split(".")[-1] == "bias"]
    if kind == "lora_only":
        inside = wrapped(model)
        return [name for name in names if name.rpartition(".")[0] in inside]
    return names if kind == "all" else []


def wrapped(model):
    return {name for name, layer in model.linears() if isinstance(layer, Wrapper)}


def named_beside(model, config):
    """{PEFT's name: Parameter} of the biases and whole modules that the config says are saved."""
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
    return f".{module}." in f".{name}"
