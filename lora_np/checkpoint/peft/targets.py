"""Which of `target_modules` this model has: PEFT asks only that one of them matches."""

import re

from ...methods.targets import ALL_LINEAR, ends_in, tables_of
from ..safetensors_io import listed
from .names import DEFAULT_TARGETS, body_prefix, in_model

FACTORS = (".lora_A.weight", ".lora_embedding_A")  # the ends of what a layer has in the file
PLAIN = re.compile(r"[\w.]+")
REPEATED, GROUP = re.compile(r"[*+{]|(?<![(*+?}])\?"), re.compile(r"\(")
REPEATED_GROUP = re.compile(r"\)[*+{]")
MOST = 3  # of each


def as_listed(targets):
    """A method's targets for JSON: a list of names, or "all-linear"."""
    if targets == ALL_LINEAR:
        return targets
    return [targets] if isinstance(targets, str) else list(targets)


def named(config, shapes, model, ends, more=()):
    """The targets that a config asks for, as a method takes them; `more` as `there` has it.

    Where `target_modules` is a pattern, or leaves out some layers, the layers are those that the
    file has a tensor for whose name ends in one of `ends`; `complete` says if it lacks some.
    """
    targets = config.get("target_modules") or list(DEFAULT_TARGETS[type(model.config)])
    if not isinstance(targets, str):
        check_names(targets)
    every = isinstance(targets, str) and targets.lower() == ALL_LINEAR
    some = config.get("layers_to_transform") not in (None, [])
    if some or config.get("exclude_modules") or (isinstance(targets, str) and not every):
        found = [n.removesuffix(end) for n in shapes for end in ends if n.endswith(end)]
        targets = complete(found, config | {"target_modules": targets}, model)
    elif every:
        return ALL_LINEAR
    return there(targets, model, more)


def there(targets, model, more=()):
    """The targets, each once, that the name of a linear layer, or of one `more`, ends in, without
    what PEFT's model has before it.

    Raises: ValueError for what is no list of names, or if no layer matches any.
    """
    check_names(targets)
    layers = [name for name, _ in model.linears()]
    found = ends_of(targets, (*layers, *more), model)
    if targets and not found:
        names = dict.fromkeys(name.split(".", 2)[-1] for name in layers)  # without h.3.
        raise ValueError(
            f"target {', '.join(map(repr, targets))} matches no linear layer; the names there are: "
            f"{', '.join(names)}"
        )
    return found


def check_names(targets):
    if not isinstance(targets, list) or not all(isinstance(name, str) for name in targets):
        raise ValueError(f"expected target_modules to be a list of names, got {targets!r}")


def ends_of(targets, layers, model):
    """Those that the full name of one of `layers` ends in, each once, as the ends of our names."""
    full = [in_model(name, model) for name in layers]
    there = [t for t in targets if any(ends_in(name, t) for name in full)]
    return tuple(dict.fromkeys(t.removeprefix(body_prefix(model)) for t in there))


def adapted(config, shapes, model):
    """(LoRA's targets, the names of the layers that they are).

    PEFT leaves out what `modules_to_save` saves.
    """
    linears, tables = dict(model.linears()), tables_of(model)
    targets, names = named(config, shapes, model, FACTORS, tables), list(linears)
    if targets != ALL_LINEAR:
        names = [n for n in (*linears, *tables) if any(ends_in(n, t) for t in targets)]
    kept = [name for name in names if not saved_whole(name, config, model)]
    if not kept:
        raise ValueError(f"modules_to_save saves whole all that is adapted: {listed(names)}")
    return targets if kept == names else tuple(kept), kept


def saved_whole(name, config, model):
    whole = config.get("modules_to_save") or []
    return any(f".{module}." in f".{in_model(name, model)}." for module in whole)


def complete(found, config, model):
    """`found`, the layers that a file has something of.

    Raises: ValueError if the settings name others too: half an adapter would load as a whole. That
    is left to the file where layers are excluded, or a pattern might be tried for ever.
    """
    targets, some = config.get("target_modules"), config.get("layers_to_transform")
    some = [some] if type(some) is int else some or None
    full = {n: in_model(n, model) for n, _ in model.linears() if not saved_whole(n, config, model)}
    odd = not isinstance(targets, list | str) or not isinstance(some, list | None)
    if odd or config.get("exclude_modules") or config.get("layers_pattern"):
        return found
    if isinstance(targets, str):
        try:
            compiled("target_modules", targets)
        except ValueError:
            return found
        meant = [name for name in full if re.fullmatch(targets, full[name])]
    else:
        meant = [n for n in full if any(ends_in(full[n], t) for t in targets)]
        meant = [n for n in meant if some is None or block_of(full[n]) in some]
    if left := [name for name in meant if name not in found]:
        raise ValueError(f"the file has nothing of {listed(left)}, which target_modules means too")
    return found


def block_of(full):
    """The number of the block that a layer is in, or None."""
    match = re.match(r".*?\.[^.]*\.(\d+)\.", full)
    return match and int(match[1])


def resolved(setting, config, layers, model):
    """{end of a layer's name: value} of PEFT's rank_pattern or alpha_pattern, or None.

    Plain names stay as they are; if one is a regular expression, as ^model.layers.0, each layer
    that has a value gets it by its whole name. The first that fits decides, in both.
    Raises: ValueError for what is no such pattern, or might be tried for ever.
    """
    pattern = config.get(setting) or {}
    if not isinstance(pattern, dict):
        raise ValueError(f"expected {setting} to be names and values, got {pattern!r}")
    if all(PLAIN.fullmatch(key) for key in pattern):
        found = {}
        for key, value in pattern.items():
            for end in ends_of([key], layers, model):
                found.setdefault(end, value)
        return found or None
    tried = {key: compiled(setting, key) for key in pattern}
    full = {name: in_model(name, model) for name in layers}
    for key, each in tried.items():  # which of the two it was written for, the file does not say
        if any(map(each.match, layers)) and not any(map(each.match, full.values())):
            prefix = body_prefix(model)
            raise ValueError(f"{setting}: {key!r} fits names without {prefix!r} before them alone")
    fits = {n: [pattern[k] for k, each in tried.items() if each.match(full[n])] for n in layers}
    return {name: values[0] for name, values in fits.items() if values} or None


def compiled(setting, key):
    """As PEFT tries it. A repetition in a repetition takes time beyond all bounds, and so do many,
    or many choices: a file's pattern may have MOST of them, and none of a group."""
    many = max(len(each.findall(key)) for each in (REPEATED, GROUP))
    if many > MOST or REPEATED_GROUP.search(key):
        raise ValueError(f"{setting}: {key!r} repeats too much to be tried")
    try:
        return re.compile(rf"(.*\.)?({key})$")
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{setting}: {key!r} is no regular expression: {error}") from error
