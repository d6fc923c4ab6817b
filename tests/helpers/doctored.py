"""Adapters made on purpose, to show to the doctor: sound ones, and those with something wrong.

Each is a function that writes its folder: ours by save_adapter, or PEFT's by hand.
"""

import numpy as np

from helpers.models import CONFIG, moved, small_gpt
from helpers.peft_files import PREFIX, SETTINGS, lengths_of, tensors_of, write_adapter
from lora_np.checkpoint import save_adapter
from lora_np.methods import IA3, DoRA, LoRA, PrefixTuning
from lora_np.methods.low_rank.lora_init import both_zero

BASE = small_gpt(CONFIG, np.float32).freeze()
FIRST = f"{PREFIX}h.0.attn.c_attn"
SQUARE = f"{PREFIX}h.0.attn.c_proj"


def ours(method, spread=0.02):
    def write(directory):
        save_adapter(moved(method.apply(BASE, np.random.default_rng(0)), spread=spread), directory)

    return write


def theirs(change=lambda tensors: None, **settings):
    """PEFT's files, with `change` made to the tensors."""

    def write(directory):
        tensors = tensors_of(BASE)
        tensors |= change(tensors) or {}
        write_adapter(directory, {n: a for n, a in tensors.items() if a is not None}, **settings)

    return write


def halved(tensors):
    return {name: array.astype(np.float16) for name, array in tensors.items()}


SOUND = {
    "our LoRA": ours(LoRA(2, 4.0, "all-linear")),
    "our DoRA": ours(DoRA(2, 3.0, ("attn.c_proj", "c_fc"))),
    "our IA3": ours(IA3()),
    "our rsLoRA": ours(LoRA(4, 4.0, rslora=True)),
    "our prefix": ours(PrefixTuning(2)),
    "our LoRA of the tokens' table": ours(LoRA(2, 4.0, ("c_attn", "wte"))),
    "PEFT's LoRA": theirs(),
    "PEFT's in float16, by a pattern": theirs(
        halved, target_modules=r".*\.(c_attn|c_fc|attn\.c_proj)"
    ),
    "PEFT's DoRA": theirs(lambda tensors: lengths_of(BASE), use_dora=True),
    "PEFT's with a norm": theirs(
        lambda tensors: {f"{PREFIX}ln_f.{part}": np.ones(6, "f4") for part in ("weight", "bias")},
        modules_to_save=["ln_f"],
    ),
}  # fmt: skip


def zero(*ends, layer=""):
    return lambda tensors: {
        name: 0 * a for name, a in tensors.items() if name.endswith(ends) and layer in name
    }


A, B, LENGTHS = ".lora_A.weight", ".lora_B.weight", ".lora_magnitude_vector"


def one(name, change):
    return lambda tensors: {name: change(tensors[name])}


def rows(first, factor):
    """The second direction: `factor` times the first."""
    return lambda A: np.stack([A[0], np.float32(factor) * A[0] if first else 0 * A[1]])


def renamed(old, new):
    return lambda tensors: (
        {n.replace(old, new): a for n, a in tensors.items()}
        | {n: None for n in tensors if old in n}
    )


def spoiled(array):
    array = array.copy()
    array[0, 0] = np.nan
    return array


def no_layer(name):
    return lambda tensors: {f"{name}{A}": None, f"{name}{B}": None}


def one_more(tensors):
    return {f"{PREFIX}h.9.attn.c_attn{end}": tensors[f"{FIRST}{end}"] for end in (A, B)}


TARGETS = SETTINGS["target_modules"]
BY_FILE = {  # what the files alone show: the codes, and the folder
    "never trained": ("untrained", theirs(zero(B))),
    "ours, never trained": ("untrained", ours(LoRA(2, 3.0), spread=0)),
    "IA3, never trained": ("untrained", ours(IA3(), spread=0)),
    "one layer never trained": ("partly-untrained", theirs(zero(B, layer="h.0.attn.c_attn"))),
    "both zero": ("both-zero", theirs(zero(A, B, layer="h.1.mlp"))),
    "ours, both zero": ("both-zero", ours(LoRA(2, 3.0, init=both_zero), spread=0)),
    "a NaN": ("not-finite", theirs(one(f"{FIRST}{B}", spoiled))),
    "half a pair": ("half-a-pair", theirs(lambda tensors: {f"{SQUARE}{B}": None})),
    "transposed": ("transposed", theirs(lambda tensors: {n: a.T for n, a in tensors.items()})),
    "another rank": ("rank", theirs(r=1)),
    "two ranks": ("two-ranks", theirs(one(f"{FIRST}{B}", lambda B: B[:, :1]))),
    "r 0": ("no-scale rank", theirs(r=0)),
    "a dead direction": ("directions", theirs(one(f"{FIRST}{A}", rows(False, 0)))),
    "a doubled direction": ("directions", theirs(one(f"{FIRST}{A}", rows(True, -3)))),
    "no lengths": ("no-lengths", theirs(use_dora=True)),
    "lengths unasked": ("no-dora", theirs(lambda tensors: lengths_of(BASE))),
    "lengths of inputs": ("lengths", theirs(lambda t: lengths_of(BASE, axis=1), use_dora=True)),
    "a module not saved": ("not-saved", theirs(modules_to_save=["ln_f"])),
    "a start that changes the base": ("start", theirs(init_lora_weights="pissa_niter_4")),
    "a target of no layer": ("target", theirs(target_modules=[*TARGETS, "q_proj"])),
    "layers untargeted": ("untargeted", theirs(target_modules=["attn.c_proj", "c_fc"])),
}  # fmt: skip
BY_BASE = {  # what only the base shows
    "lengths of inputs, square": (
        "lengths", theirs(lambda tensors: lengths_of(BASE) | one_length(), use_dora=True),
    ),
    "no such layer": ("unknown-layer", theirs(one_more)),
    "a layer's factors lost": ("missing-layer", theirs(no_layer(FIRST))),
    "another width": ("shape", theirs(one(f"{FIRST}{A}", lambda A: np.hstack([A, A])))),
    "a Llama's": (
        "another-base", theirs(renamed("attn.c_attn", "self_attn.q_proj"), target_modules="x"),
    ),
    "an unknown setting": ("refused", theirs(use_magic=True)),
}  # fmt: skip
NOTED = {  # sound, with something to know
    "a layer that a pattern leaves out": (
        "bare-layer", theirs(no_layer(FIRST), target_modules=r".*(1.attn.c_attn|attn.c_proj|c_fc)"),
    ),
    "a change below the rounding": ("merge", theirs(lambda t: {n: 0.02 * t[n] for n in t})),
    "a direction that the base has not": ("intruders", theirs(one(f"{SQUARE}{B}", np.sign))),
}  # fmt: skip


def one_length():
    """DoRA's lengths along the wrong axis where W is square and no shape tells."""
    return {f"{SQUARE}{LENGTHS}": lengths_of(BASE, axis=1)[f"{SQUARE}{LENGTHS}"]}
