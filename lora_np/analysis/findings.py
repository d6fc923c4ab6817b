"""What can be wrong with an adapter's files alone; `base_findings` has what the base tells."""

import numpy as np

from ..checkpoint.safetensors_io import listed
from ..methods.targets import ALL_LINEAR, ends_in
from .adapter_files import finite, stripped
from .advice import Finding

LARGEST_SCALE = 8.0  # α/r is 1 to 4 in the field's recipes; without the division it is α itself
HEADS = {"classifier", "score"}  # PEFT lists both, whichever the model has
BASE_CHANGING = ("pissa", "olora", "loftq", "corda", "eva")  # starts that change the base


def where(layers):
    layers = list(layers)
    return f"{len(layers)} layer{'s' * (len(layers) != 1)} ({listed(layers)})"


def both(files):
    """{layer: its arrays} of those that have A and B."""
    return {name: parts for name, parts in files.layers.items() if {"A", "B"} <= parts.keys()}


def pairs(files):
    """{layer: its arrays} of those that have A and B of one rank, the right way round."""
    left = turned(files)
    return {
        name: parts
        for name, parts in both(files).items()
        if name not in left and parts["A"].shape[1] == parts["B"].shape[0]
    }


def not_finite(files):
    bad = [n for n, parts in files.layers.items() if not all(map(finite, parts.values()))]
    bad += [name for name, array in files.others.items() if not finite(array)]
    if bad:
        yield Finding("not-finite", f"NaN or infinity in {where(bad)}", tuple(bad))


def half_a_pair(files):
    bad = [n for n, parts in files.layers.items() if ("A" in parts) != ("B" in parts)]
    if bad:
        yield Finding("half-a-pair", f"one factor without the other in {where(bad)}", tuple(bad))


def turned(files):
    """The layers whose factors are stored (in, r) and (r, out), by the settings' r."""
    return [
        name
        for name, parts in both(files).items()
        if (parts["A"].shape[0], parts["B"].shape[1]) == (files.rank(name),) * 2
        and {parts["A"].shape[1], parts["B"].shape[0]} != {files.rank(name)}
    ]


def transposed(files):
    if bad := turned(files):
        yield Finding("transposed", f"A is (in, r) and B (r, out) in {where(bad)}", tuple(bad))


def another_rank(files):
    left, ranks = turned(files), {n: p["A"].shape[1] for n, p in pairs(files).items()}
    if bad := [name for name, rank in ranks.items() if rank != files.rank(name)]:
        said, has = files.rank(bad[0]), ranks[bad[0]]
        what = f"r is {said} in the settings, and the factors' rank is {has} in {where(bad)}"
        yield Finding("rank", what, tuple(bad))
    if odd := [name for name in both(files) if name not in ranks and name not in left]:
        yield Finding("two-ranks", f"A and B have different ranks in {where(odd)}", tuple(odd))


def untrained(files):
    """B all zero, or IA3's factors all 1: such a layer computes what its base does."""
    ready = {n: p for n, p in files.layers.items() if {"A", "B"} <= p.keys() or "l" in p}
    never = [n for n, p in both(files).items() if not p["A"].any() and not p["B"].any()]
    if never:
        yield Finding("both-zero", f"A and B are both zero in {where(never)}", tuple(never))
    still = [
        name
        for name, parts in ready.items()
        if name not in never and ((parts["l"] == 1).all() if "l" in parts else not parts["B"].any())
    ]
    if still:
        what = "every factor is 1" if "l" in ready[still[0]] else "B is all zero"
        if len(still) + len(never) == len(ready):
            what = f"{what} in every layer: the adapter changes nothing"
            yield Finding("untrained", what, tuple(still))
        else:
            what = f"{what} in {where(still)}, and not in the others"
            yield Finding("partly-untrained", what, tuple(still))


def lengths(files):
    """DoRA's setting and its lengths m come together, and m has one number an output."""
    ready = both(files)
    bare = [name for name, parts in ready.items() if "m" not in parts]
    longer = [name for name, parts in ready.items() if "m" in parts]
    if files.kind == "DoRA" and bare:
        yield Finding(
            "no-lengths", f"use_dora is on, and m is missing in {where(bare)}", tuple(bare)
        )
    if files.kind in ("LoRA", "rsLoRA") and longer:
        what = f"DoRA's lengths m are in {where(longer)}, and use_dora is off"
        yield Finding("no-dora", what, tuple(longer))
    left = turned(files)
    odd = [n for n in longer if n not in left and ready[n]["m"].size != ready[n]["B"].shape[1]]
    if odd:
        yield Finding("lengths", f"m is not one number an output in {where(odd)}", tuple(odd))


def not_saved(files):
    saved = files.config.get("modules_to_save")
    names = [name for name in saved if isinstance(name, str)] if isinstance(saved, list) else []
    gone = [name for name in names if not holds(files, stripped(name))]
    if len(set(names) & HEADS) > len(set(gone) & HEADS):  # one of them is there
        gone = [name for name in gone if name not in HEADS]
    if gone:
        what = f"modules_to_save has {listed(gone)}, and the file holds nothing of that name"
        yield Finding("not-saved", what, tuple(gone))


def holds(files, module):
    """Whether a tensor that is no linear layer's adapter belongs to a module."""
    return any(f".{module}." in f".{name}" for name in files.others)


def another_start(files):
    start = files.config.get("init_lora_weights")
    if isinstance(start, str) and start.lower().startswith(BASE_CHANGING):
        yield Finding("start", f"init_lora_weights is {start!r}, a start that changes the base")


def untargeted(files):
    """Layers of the file that target_modules, a list of names, does not name."""
    targets = files.targets()
    if isinstance(targets, list) and targets:
        left = [n for n in files.layers if not any(ends_in(n, target) for target in targets)]
        if left:
            what = f"there are numbers for {where(left)}, which target_modules does not name"
            yield Finding("untargeted", what, tuple(left))


def no_scale(files):
    bad = [name for name in pairs(files) if files.scale(name) is None]
    if bad:
        yield Finding("no-scale", "r or lora_alpha is no number to divide by", tuple(bad))


def lazy(numbers):
    """Directions that do no work; numbers: {layer: what `directions` says}."""
    bad = {n: d for n, d in numbers.items() if d.get("works") and (d["dead"] or d["twins"])}
    if bad:
        dead, twins = (sum(len(d[kind]) for d in bad.values()) for kind in ("dead", "twins"))
        kinds = [f"{dead} dead" if dead else "", f"{twins} doubled" if twins else ""]
        name, first = next(iter(bad.items()))
        what = f"{' and '.join(filter(None, kinds))} directions in {where(bad)}: {name} works with "
        yield Finding("directions", f"{what}{first['works']} of its {first['rank']}", tuple(bad))


def scale_law(files):
    """A scale that looks like α without r. With a base, `too_large` measures it instead."""
    scales = {name: files.scale(name) for name in pairs(files)}
    bad = [n for n, s in scales.items() if s and abs(s) > LARGEST_SCALE and files.rank(n) > 1]
    if bad:
        rslora = files.config.get("use_rslora")
        law = "α/√r" if rslora else "α/r"
        meant = "an α that was meant for α/r" if rslora else "α that was not divided by r"
        what = f"s = {law} is {scales[bad[0]]:.3g} in {where(bad)}, which looks like {meant}"
        yield Finding("scale", what, tuple(bad))


def unmatched_targets(files):
    """Targets that no tensor belongs to. With a base, `bare` knows whether it has such a layer."""
    targets = files.targets()
    if targets and targets != ALL_LINEAR and files.layers:
        layers = [t for t in targets if not any(ends_in(name, t) for name in files.layers)]
        gone = [target for target in layers if not holds(files, target)]
        if gone:
            what = f"target_modules has {listed(gone)}, and no tensor of the file belongs to it"
            yield Finding("target", what, tuple(gone))


RULES = (not_finite, half_a_pair, transposed, another_rank, untrained, lengths)
RULES += (not_saved, another_start, untargeted, no_scale)
WITHOUT_A_BASE = (scale_law, unmatched_targets)


def largest(numbers, key):
    """The layer where a number is largest, of those that have it."""
    return max((n for n in numbers if key in numbers[n]), key=lambda n: numbers[n][key])


def middle(numbers, key):
    return float(np.median([each[key] for each in numbers if key in each]))
