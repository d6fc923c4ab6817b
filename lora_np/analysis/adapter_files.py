"""An adapter's files as they are, also those that no model would take: what `doctor` looks at."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..checkpoint.adapter import form_of
from ..checkpoint.dtypes import from_bfloat16
from ..checkpoint.peft.adapter import CONFIG
from ..checkpoint.peft.found import weights_in
from ..checkpoint.peft.names import BESIDE_THE_BODY, BODY, PREFIX, from_file
from ..checkpoint.peft.targets import compiled
from ..checkpoint.safetensors_io import FLOATS, open_tensors, read_json
from ..methods.targets import ALL_LINEAR
from ..system.checks import is_number

PARTS = {  # the end of a tensor's name: what it is called here
    ".lora_A.weight": "A",
    ".lora_B.weight": "B",
    ".lora_magnitude_vector": "m",
    ".ia3_l": "l",
}
SIDES = {"A": (2,), "B": (2,), "m": (1, 2), "l": (2,)}  # of each part's array


@dataclass(frozen=True)
class AdapterFiles:
    """What an adapter's folder holds.

    `layers` is {layer's name: {"A", "B", "m" or "l": array}}, with PEFT's (r, in) and (out, r)
    turned to A (in, r) and B (r, out), and IA3's to l (1, out) behind a layer or (in, 1) before
    one; m is (out,). `others` {name: array} is all else; `dtypes` are the kinds of the numbers, and
    `body` is what stood before the layers' names.
    """

    directory: Path
    config: dict
    layers: dict
    others: dict
    dtypes: tuple
    body: str = ""

    @property
    def kind(self):
        """IA3, DoRA, rsLoRA, LoRA, or PEFT's name for anything else."""
        kind = str(self.config.get("peft_type", "none"))
        if kind != "LORA":
            return kind
        if self.config.get("use_dora"):
            return "DoRA"
        return "rsLoRA" if self.config.get("use_rslora") else "LoRA"

    @property
    def size(self):
        """How many numbers it holds."""
        parts = [array for layer in self.layers.values() for array in layer.values()]
        return sum(array.size for array in (*parts, *self.others.values()))

    def rank(self, name):
        """What the settings say that a layer's rank is: PEFT scales by that, not by the shape."""
        return self._number("rank_pattern", name, "r")

    def alpha(self, name):
        return self._number("alpha_pattern", name, "lora_alpha")

    def _number(self, pattern, name, usual):
        full = self.body + name
        return number_of(self.config.get(pattern), full, self.config.get(usual, 8))

    def scale(self, name):
        """s = α/r, or α/√r for rsLoRA; None for settings that are no numbers above 0."""
        rank, alpha = self.rank(name), self.alpha(name)
        if rank is None or alpha is None or rank <= 0:
            return None
        return float(alpha / (math.sqrt(rank) if self.config.get("use_rslora") else rank))

    def whole(self, name):
        """Whether a layer is in a module that is saved whole, beside which PEFT adapts nothing."""
        saved = self.config.get("modules_to_save")
        names = saved if isinstance(saved, list) else []
        return any(f".{stripped(str(module))}." in f".{name}." for module in names)

    def targets(self):
        """target_modules as a list of names, ALL_LINEAR, or None for a pattern or some layers."""
        found = self.config.get("target_modules")
        limited = ("layers_to_transform", "exclude_modules", "layers_pattern")
        if any(self.config.get(name) for name in limited):
            return None
        if isinstance(found, list) and all(isinstance(name, str) for name in found):
            return [stripped(name) for name in found]
        return found if found == ALL_LINEAR else None


def read_adapter_files(directory):
    """The AdapterFiles in a folder, whether or not they make sense together.

    Raises: ValueError for files that are missing, not whole and well-formed, or not in PEFT's form.
    """
    directory = Path(directory)
    if (form := form_of(directory)) != "peft":
        advice = "`convert --form peft` writes PEFT's, which is what is examined"
        raise ValueError(f"{directory} is in the form {form!r}; {advice}")
    config, layers, others, dtypes = read_json(directory / CONFIG), {}, {}, set()
    with open_tensors(weights_in(directory)) as stored:
        body = body_of(stored)
        for name, tensor in from_file(stored, body, directory).items():
            array = tensor.read_raw((*FLOATS, "I64", "I32", "U8"))
            dtypes.add(tensor.kind)
            array = from_bfloat16(array) if tensor.kind == "BF16" else array
            end = next((end for end in PARTS if name.endswith(end)), None)
            table = name.startswith(BESIDE_THE_BODY)  # LoRA of the head: no linear layer's
            if end is None or table or not array.size or array.ndim not in SIDES[PARTS[end]]:
                others[name] = array
            else:
                part = array.ravel() if PARTS[end] == "m" else array.T
                layers.setdefault(name.removesuffix(end), {})[PARTS[end]] = part
    return AdapterFiles(directory, config, layers, others, tuple(sorted(dtypes)), body)


def body_of(names):
    """What the file's names have before the body's own: "transformer.", "model." or nothing."""
    found = (
        body for body in BODY.values() if any(name.startswith(PREFIX + body) for name in names)
    )
    return next(found, "")


def stripped(name):
    """A target without what PEFT's model has before it."""
    for body in BODY.values():
        name = name.removeprefix(body)
    return name


def number_of(pattern, full, usual):
    """The setting of one layer: that of the first expression in PEFT's `pattern` that fits its
    full name, or the usual one; None for what is no number."""
    for key, value in (pattern if isinstance(pattern, dict) else {}).items():
        try:
            expression = compiled("a pattern", key)
        except ValueError:
            continue
        if expression.match(full):
            usual = value
            break
    return usual if is_number(usual) else None


def finite(array):
    return bool(np.isfinite(array).all()) if array.dtype.kind == "f" else True
