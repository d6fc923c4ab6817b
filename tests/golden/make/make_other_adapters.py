"""Write other_adapters/: adapters that mlx-lm wrote, and logits that mlx-lm and llama.cpp compute.

    PYTHONPATH=.:tests python tests/golden/make/make_other_adapters.py
        needs mlx-lm, mlx[cpu] and xllamacpp, which is llama.cpp in a wheel

First it prints, for adapters that are written here, the largest difference of logits over the
largest logit: what llama.cpp and mlx-lm compute from the files, and what is computed here.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import mlx.core as mx
import numpy as np
import xllamacpp
from mlx.utils import tree_flatten
from mlx_lm.tuner.utils import linear_to_lora_layers, load_adapters
from mlx_lm.utils import load_model

from golden.readers.other_adapters import (
    CASES,
    HERE,
    TOKENS,
    adapted,
    as_converted,
    base_of,
    log_softmax,
)
from helpers.gguf_files import write_gguf
from helpers.models import moved
from helpers.safetensors_files import load_file, save_file
from lora_np.checkpoint import load_adapter, save_adapter, save_gpt2, save_llama
from lora_np.methods import DoRA, LoRA
from lora_np.nn import GPT

ALL = "all-linear"
WRITTEN = {  # what is written here: (model, method)
    "llama, all": ("llama", LoRA(3, 5.0, ALL)),
    "llama, rsLoRA": ("llama", LoRA(4, 5.0, ("q_proj", "k_proj", "down_proj"), rslora=True)),
    "llama, DoRA": ("llama", DoRA(2, 3.0, ALL)),
    "llama, one layer": ("llama", LoRA(2, 3.0, ("layers.1.self_attn.k_proj",))),
    "qwen2, all": ("qwen2", LoRA(3, 5.0, ALL)),
    "qwen3, all": ("qwen3", LoRA(3, 5.0, ALL)),
    "gpt2, all": ("gpt2", LoRA(3, 5.0, ALL)),
}


def gap(ours, theirs):
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def by_llama_cpp(base, adapter):
    """The log-probabilities (T, V) behind each beginning of TOKENS' first row."""
    with tempfile.TemporaryDirectory() as directory:
        params = xllamacpp.CommonParams()
        params.model.path = str(Path(directory) / "base.gguf")
        write_gguf(params.model.path, base, quantize=None)
        params.n_ctx, params.warmup, params.fit_params = 64, False, False
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
        server, rows = xllamacpp.Server(params), []
        for end in range(1, TOKENS.shape[1] + 1):
            ask = {"prompt": TOKENS[0, :end].tolist(), "n_predict": 1, "n_probs": 7}
            said = server.handle_completions(ask | {"temperature": 0.0, "cache_prompt": False})
            [first] = said["choices"][0]["logprobs"]["content"]
            found = {each["id"]: each["logprob"] for each in first["top_logprobs"]}
            rows.append([found[i] for i in range(7)])
    return np.array(rows)


def mlx_base(base):
    """mlx-lm's model of the same numbers."""
    with tempfile.TemporaryDirectory() as directory:
        (save_gpt2 if isinstance(base, GPT) else save_llama)(base, directory)
        path = Path(directory) / "config.json"
        settings = json.loads(path.read_text())
        if settings["model_type"] == "gpt2":
            settings |= {"n_ctx": settings["n_positions"], "num_key_value_heads": None}
            weights = Path(directory) / "model.safetensors"  # mlx-lm reads OpenAI's own names
            arrays = load_file(weights)
            save_file({n.removeprefix("transformer."): a for n, a in arrays.items()}, weights)
        path.write_text(json.dumps(settings))
        model, _ = load_model(Path(directory))
        mx.eval(model.parameters())
    return model


def by_mlx(base, adapter):
    model = load_adapters(mlx_base(base), str(adapter)).eval()  # without dropout
    return np.array(model(mx.array(TOKENS)))


def check_what_is_written():
    print(f"{'written here':24}{'llama.cpp':>12}{'mlx-lm':>12}")
    for name, (kind, method) in WRITTEN.items():
        base, row = base_of(kind), ""
        model = moved(method.apply(base, np.random.default_rng(0)))
        for form, theirs in (("gguf", by_llama_cpp), ("mlx", by_mlx)):
            with tempfile.TemporaryDirectory() as directory:
                if form == "gguf" and (kind == "gpt2" or "DoRA" in name):
                    row += f"{'-':>12}"
                    continue
                save_adapter(model, directory, form=form)
                path = Path(directory) / "adapter.gguf" if form == "gguf" else directory
                ours, logits = model(TOKENS), theirs(base, path)
                ours = log_softmax(ours[0]) if form == "gguf" else ours
                row += f"{gap(ours, logits):12.1e}"
        print(f"{name:24}{row}")


def make(name, kind, options):
    """A folder as `mlx_lm lora` writes it, and what it computes."""
    base, mx_rng = base_of(kind), mx.random.key(0)
    model, directory = mlx_base(base), HERE / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    model.freeze()
    if options["fine_tune_type"] == "full":
        for block in model.layers[-options["num_layers"] :]:
            block.unfreeze()
    else:
        dora = options["fine_tune_type"] == "dora"
        linear_to_lora_layers(model, options["num_layers"], options["lora_parameters"], dora)
    learns = dict(tree_flatten(model.trainable_parameters()))
    for i, full in enumerate(sorted(learns)):
        noise = mx.random.normal(learns[full].shape, key=mx.random.split(mx_rng, 99)[i])
        learns[full] = learns[full] + 0.3 * noise
    mx.save_safetensors(str(directory / "adapters.safetensors"), learns)
    said = {"model": "some/model", "train": True, "iters": 9, "seed": 0} | options
    (directory / "adapter_config.json").write_text(json.dumps(said, indent=4))
    logits = by_mlx(base, directory)
    print(f"{name:24}{gap(load_adapter(base, directory)(TOKENS), logits):12.1e}")
    return logits


def by_its_converter(kind):
    """What llama.cpp computes from a file as its own converter writes it."""
    base = base_of(kind)
    with tempfile.TemporaryDirectory() as directory:
        as_converted(Path(directory) / "adapter.gguf", adapted(base))
        return by_llama_cpp(base, Path(directory) / "adapter.gguf")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    check_what_is_written()
    print("written by mlx-lm, read here")
    arrays = {name: make(name, *case) for name, case in CASES.items()}
    arrays |= {f"llama.cpp/{kind}": by_its_converter(kind) for kind in ("llama", "qwen2", "qwen3")}
    np.savez_compressed(HERE / "logits.npz", **arrays)
