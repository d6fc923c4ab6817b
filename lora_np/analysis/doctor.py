"""An adapter examined, with its base or without: numbers a layer, and findings."""

import numpy as np

from .adapter_files import finite
from .advice import DOUBTFUL, NOTE, WRONG
from .base_findings import fits, refused, with_base
from .findings import RULES, WITHOUT_A_BASE, lazy, pairs
from .layer_numbers import against, delta_of, directions

ORDER = (WRONG, DOUBTFUL, NOTE)


def examine(files, model=None, progress=iter):
    """{"what", "law", "layers": {name: numbers}, "findings": [dict], "sound"} of AdapterFiles.

    With `model`, its base, also what it does to that. `sound` is False where a finding is wrong or
    doubtful; a note leaves it True. `progress` goes round the layers, which is what takes time.
    """
    fit = fits(files, {} if model is None else dict(model.linears()))
    numbers = {name: layer_numbers(files, name, fit.get(name)) for name in progress(files.layers)}
    found = [finding for rule in RULES for finding in rule(files)] + [*lazy(numbers)]
    if model is None:
        found += [finding for rule in WITHOUT_A_BASE for finding in rule(files)]
    else:
        found += with_base(files, numbers, model)
        if all(each.level == NOTE for each in found):
            found += refused(files, model)
    found.sort(key=lambda each: ORDER.index(each.level))
    return {
        "what": what(files),
        "law": law(files),
        "base": model is not None,
        "layers": numbers,
        "findings": [each.as_dict() for each in found],
        "sound": all(each.level == NOTE for each in found),
    }


def layer_numbers(files, name, on_base):
    """One layer's numbers; those that its arrays do not allow are left out."""
    parts, scale, numbers = files.layers[name], files.scale(name), {}
    if not all(map(finite, parts.values())):
        return numbers
    if name in pairs(files) and scale is not None:
        A, B = (parts[key].astype(np.float64) for key in "AB")
        numbers = {"scale": scale, **directions(A, B, scale)}
    if on_base is not None and (numbers or "l" in parts):
        W = on_base[1].effective_weight().astype(np.float64)
        with np.errstate(all="ignore"):  # numbers that diverged, or lengths of nothing
            delta = delta_of(parts, scale, W)
        if np.abs(delta).max() < np.finfo(np.float32).max:  # false for NaN, too
            numbers |= against(W, delta)
    return numbers


def what(files):
    """A line on what the adapter is."""
    base, version = (files.config.get(key) for key in ("base_model_name_or_path", "peft_version"))
    layers = f" on {len(files.layers)} layers" if files.layers else ""
    line = f"{files.kind}{layers}, {files.size:,} numbers in {' and '.join(files.dtypes)}"
    line += f", trained on {str(base)[:80]}" if base else ""
    return line + (f", by PEFT {str(version)[:20]}" if version else "")


def law(files):
    """The scale's law with its numbers; None for a kind that has no scale."""
    ready = pairs(files)
    if not ready:
        return None
    scales = sorted({scale for name in ready if (scale := files.scale(name)) is not None})
    sign = "α/√r" if files.config.get("use_rslora") else "α/r"
    r, alpha = files.config.get("r", 8), files.config.get("lora_alpha", 8)
    shown = " and ".join(f"{scale:.4g}" for scale in scales[:4]) or "unknown"
    return f"s = {sign}, r {r}, α {alpha}: s is {shown}"
