"""What can be wrong between an adapter's files and a base."""

import numpy as np

from ..checkpoint import load_adapter
from ..checkpoint.peft.found import check_base
from ..methods.targets import ALL_LINEAR, ends_in, tables_of
from ..system.hints import counted, kind_of
from .advice import Finding
from .findings import largest, middle, pairs, where

HALF_LOST = 0.5  # of the adapter's change, to rounding
AXIS = 0.5  # how much nearer than its own axis' norms m must be to the other's


def ready(files):
    return pairs(files) | {name: parts for name, parts in files.layers.items() if "l" in parts}


def fits(files, linears):
    """{layer: (its arrays, the base's layer)} where names and shapes agree."""
    found = {}
    for name, parts in ready(files).items():
        if name not in linears:
            continue
        lengths = parts["m"].size if "m" in parts else linears[name].out_features
        if sized(parts, linears[name]) and lengths == linears[name].out_features:
            found[name] = parts, linears[name]
    return found


def sized(parts, layer):
    """Whether A and B, or IA3's factors, have the sizes of the base's layer."""
    shape = layer.in_features, layer.out_features
    if "l" in parts:
        return parts["l"].shape in ((1, shape[1]), (shape[0], 1))
    return (parts["A"].shape[0], parts["B"].shape[1]) == shape


def wrong_layers(files, linears, model):
    """Layers that the base has not, or has otherwise; or all of them, of another kind of model."""
    try:
        check_base(files.directory, files.config, [f"{name}." for name in files.layers], model)
    except ValueError as error:
        yield Finding("another-base", str(error), tuple(files.layers))
        return
    gone = [name for name in files.layers if name not in linears]
    if gone:
        what = f"the base has no {where(gone)}; what it has: {counted(linears)}"
        yield Finding("unknown-layer", what, tuple(gone))
    good = ready(files)
    odd = [n for n, parts in good.items() if n in linears and not sized(parts, linears[n])]
    if odd:
        layer = linears[odd[0]]
        size = f"({layer.in_features}, {layer.out_features})"
        what = f"the factors do not fit the weight in {where(odd)}; that of {odd[0]} is {size}"
        yield Finding("shape", what, tuple(odd))
    yield from bare(files, linears, tables_of(model))


def bare(files, linears, tables):
    """Layers that the settings ask for and the file has nothing for, and targets of no layer."""
    targets, kinds = files.targets(), {kind_of(name) for name in files.layers}
    if targets is None:
        left = [name for name in linears if name not in files.layers and not files.whole(name)]
        alike = [name for name in left if kind_of(name) in kinds]
        if alike:
            what = f"no adapter on {where(alike)}, where others of their kind have one"
            yield Finding("bare-layer", what, tuple(alike))
        return
    names = list(linears) if targets == ALL_LINEAR else targets
    missing = [
        name
        for name in linears
        if name not in files.layers and any(ends_in(name, target) for target in names)
        if not files.whole(name)
    ]
    if missing and files.layers:
        what = f"target_modules asks for an adapter on {where(missing)}, and the file has none"
        yield Finding("missing-layer", what, tuple(missing))
    there = (*linears, *tables)
    gone = [target for target in names if not any(ends_in(name, target) for name in there)]
    if gone:
        what = f"target_modules has {', '.join(gone)}, and the base has no such layer"
        yield Finding("target", f"{what}; what it has: {counted(linears)}", tuple(gone))


def wrong_axis(files, linears):
    """DoRA's m stays near where it starts: at the norms of W's columns, W (in, out)."""
    bad = []
    for name, (parts, layer) in fits(files, linears).items():
        W = layer.effective_weight()
        if "m" in parts and W.shape[0] == W.shape[1]:
            own, other = (np.abs(parts["m"] - np.linalg.norm(W, axis=k)).mean() for k in (0, 1))
            bad += [name] if other < AXIS * own else []
    if bad:
        what = f"m has the lengths of the inputs, not of the outputs, in {where(bad)}"
        yield Finding("lengths", what, tuple(bad))


def too_large(numbers):
    """Weights moved by more than their own size, in most layers."""
    over = [name for name, each in numbers.items() if each.get("change", 0) > 1]
    if over and (change := middle(numbers.values(), "change")) > 1:
        s = numbers[largest(numbers, "change")].get("scale")
        about = "" if s is None else f", and its scale is {s:.3g}"
        what = f"the adapter moves the middle layer by {change:.3g} of its size{about}"
        yield Finding("scale", what, tuple(over))


def merging(numbers):
    """In which 16-bit format a merge loses most of the adapter."""
    for form in ("float16", "bfloat16"):
        bad = [n for n, each in numbers.items() if each.get("merged", {}).get(form, 0) > HALF_LOST]
        if bad:
            what = f"merged into {form}, over half of the change is lost in {where(bad)}"
            yield Finding("merge", what, tuple(bad))


def intruding(numbers):
    bad = {name: each for name, each in numbers.items() if each.get("intruders")}
    if bad:
        count = sum(len(each["intruders"]) for each in bad.values())
        change, halved = (middle(bad.values(), key) for key in ("change", "halved"))
        what = f"{count} singular directions, of the ten largest of each W', are none of W's, in "
        what += f"{where(bad)}; with their singular values halved, the middle one of these layers "
        yield Finding("intruders", f"{what}moves by {halved:.3g}, not {change:.3g}", tuple(bad))


def refused(files, model):
    """What load_adapter says of it, for where nothing else is wrong."""
    try:
        load_adapter(model, files.directory)
    except ValueError as error:
        yield Finding("refused", str(error))


def with_base(files, numbers, model):
    """All findings that need the base."""
    linears = dict(model.linears())
    found = [*wrong_layers(files, linears, model), *wrong_axis(files, linears)]
    return [*found, *too_large(numbers), *merging(numbers), *intruding(numbers)]
