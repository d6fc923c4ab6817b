"""Adapters in any of three forms: PEFT's, llama.cpp's (a GGUF file) and mlx-lm's.

The last two are read as what PEFT's files would say, so that one way in holds them all.
"""

from os import PathLike
from pathlib import Path

from ..nn.module import Module
from . import adapter_gguf, adapter_mlx, peft
from .gguf import check_magic, open_gguf
from .hf_directory import CONFIG as MODEL
from .peft.adapter import CONFIG, filled
from .peft.found import WEIGHTS
from .safetensors_io import read_json

OTHERS = {"gguf": adapter_gguf, "mlx": adapter_mlx}
FORMS = ("peft", *OTHERS)


def load_adapter(model: Module, directory: str | PathLike[str]) -> Module:
    """A view of `model` with the adapter in `directory`; its numbers learn, `model` is untouched.

    It is a folder in PEFT's form or mlx-lm's, or of one GGUF file; or a GGUF file itself.
    Raises: ValueError, with `model` as it was, for an adapter of another kind, rank or base, or
    files that are not whole; it lists every tensor missing, unexpected or misshapen.
    """
    path = Path(directory)
    form = form_of(path)
    if form == "peft":
        return peft.load_adapter(model, path)
    with OTHERS[form].opened(model, path) as (config, stored):
        return filled(model, config, stored, path)


def save_adapter(
    model: Module,
    directory: str | PathLike[str],
    base: str | PathLike[str] | None = None,
    form: str = "peft",
) -> None:
    """Write what the methods in `model.methods` trained; `base` is what it trained on, by the name
    that others find it by.

    `form` is "peft", for PEFT and most others; "gguf", LoRA on a Llama as adapter.gguf, for
    llama.cpp; or "mlx", LoRA or DoRA for mlx-lm. An adapter that was there keeps its place until
    the new files are whole.
    Raises: ValueError if nothing learns, something does that the form cannot hold, or a number is
    not finite.
    """
    if form == "peft":
        return peft.save_adapter(model, directory, base)
    if form not in OTHERS:
        raise ValueError(f"save_adapter: expected a form of {', '.join(FORMS)}, got {form!r}")
    Path(directory).mkdir(parents=True, exist_ok=True)
    OTHERS[form].save(model, Path(directory), base)


def is_adapter(path):
    """Whether there is an adapter at `path`, or nothing, rather than a model."""
    if path.is_file():
        return adapter_gguf.is_adapter(open_gguf(path))
    return not (path / MODEL).is_file()


def form_of(path):
    """Which of FORMS is there: what is neither of the others is PEFT's to refuse.

    Raises: ValueError for a file that is not GGUF.
    """
    if path.is_file():
        check_magic(path)
    if path.is_file() or adapter_gguf.only_one(path):
        return "gguf"
    mlx = (path / adapter_mlx.WEIGHTS).is_file() and not (path / WEIGHTS).is_file()
    return "mlx" if mlx and "peft_type" not in read_json(path / CONFIG) else "peft"
