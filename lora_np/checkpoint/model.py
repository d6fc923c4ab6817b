"""Any model that this library computes, from wherever it is, with its tokenizer."""

import functools
from pathlib import Path

from ..methods.qlora import quantize_base
from ..nn.gpt import GPT
from ..nn.llama import Llama
from ..quant.table import BLOCK
from ..tasks.text import VOCABULARY, Bytes
from .base import load_base, smollm2_path
from .gpt2 import load_gpt2, save_gpt2
from .llama import load_llama, save_llama
from .tensors import read_json
from .tokenizer import load_tokenizer

SAVE = {GPT: save_gpt2, Llama: save_llama}


def load_model(where=None, nf4=False):
    """(the model, its tokenizer): None is the base that comes with the package, "smollm2" the
    real model that another package brings; else a GGUF file or a directory in Hugging Face's form.

    A model over 257 tokens reads bytes; any other brings its tokenizer's files. With `nf4` the
    linear layers are in 4 bits, double-quantized, and the embeddings in 8 (if blocks fit them).
    Raises: as the loader of its kind and load_tokenizer; ValueError for another kind.
    """
    path = smollm2_path() if where == "smollm2" else where and Path(where)
    loaders = {"gpt2": load_gpt2, "llama": functools.partial(load_llama, nf4=nf4)}
    if path is None:
        model = load_base()
    elif path.is_dir():
        kind = read_json(path / "config.json").get("model_type")
        if kind not in loaders:
            raise ValueError(f"{path}: expected model_type {' or '.join(loaders)}, got {kind!r}")
        model = loaders[kind](path)
    else:
        model = loaders["llama"](path)
    if nf4:  # what is in few bits already stays as it is
        fits = model.config.n_embd % BLOCK == 0
        model = quantize_base(model.freeze(), double_quant=True, int8_embeddings=fits)
    if model.config.vocab_size == VOCABULARY:
        return model, Bytes
    return model, load_tokenizer(path)


def save_model(model, tokenizer, directory):
    """Write both so that load_model(directory), and transformers, read them.

    Raises: as the kind's own saving; ValueError for another kind of model.
    """
    if type(model) not in SAVE:
        raise ValueError(f"save_model: expected a whole model, got {type(model).__name__}")
    SAVE[type(model)](model, directory)
    tokenizer.save(directory)
