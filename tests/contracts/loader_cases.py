"""Every way for a weight to come in, or to leave: what a file holds, written by the definition.

Nothing here asks the package which way a weight lies. torch's Linear holds (out, in), y = x Fᵀ;
GPT-2's Conv1D (in, out), y = x F; here it is (in, out) in every model. All widths are 8, so that
the shape tells nobody.
"""

import json
from dataclasses import dataclass

import numpy as np

from helpers.gguf_files import write_gguf
from helpers.models import moved, small_gpt
from helpers.safetensors_files import load_file, save_file
from lora_np.checkpoint import load_adapter, load_gpt2, load_llama, save_gpt2, save_llama
from lora_np.methods import LoRA
from lora_np.nn import GPTConfig, Head, LlamaConfig

SIZES = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
RANK, ALPHA = 2, 3.0


@dataclass(frozen=True)
class Kind:
    """A kind of model: its loader and saver, and how transformers holds a linear layer."""

    name: str
    config: object
    load: object
    save: object
    body: str
    transposed: bool

    def model(self, tied, seed=0):
        model = small_gpt(self.config, np.float32, seed)
        if not tied:
            shape = model.wte.weight.shape
            model.lm_head = Head(np.random.default_rng(seed).normal(size=shape).astype("f4"))
        return model

    def in_file(self, weight):
        return np.ascontiguousarray(weight.T if self.transposed else weight)

    def stored_name(self, name):
        return f"{self.body}{name}.weight"


GPT2 = Kind(
    "GPT-2",
    GPTConfig(vocab_size=11, n_positions=12, n_embd=8, n_layer=2, n_head=2, n_inner=8),
    load_gpt2,
    save_gpt2,
    "transformer.",
    transposed=False,
)
LLAMA = Kind(
    "Llama",
    LlamaConfig(vocab_size=11, max_position_embeddings=12, **SIZES),
    load_llama,
    save_llama,
    "model.",
    transposed=True,
)
KINDS = [GPT2, LLAMA]


def by_directory(kind, model, name, weight, path):
    """In the model's own file, replaced there."""
    kind.save(model, path)
    tensors = load_file(path / "model.safetensors")
    tensors[kind.stored_name(name)] = kind.in_file(weight)
    save_file(tensors, path / "model.safetensors", {"format": "pt"})
    return kind.load(path)


def by_gguf(kind, model, name, weight, path):
    changed = model.view()
    dict(changed.linears())[name].weight.data = weight
    write_gguf(path / "model.gguf", changed, quantize=None)
    return kind.load(path / "model.gguf")


def by_modules_to_save(kind, model, name, weight, path):
    """Whole, beside a LoRA on another layer that adds 0."""
    linears = dict(model.linears())
    other = next(n for n in linears if n != name)
    tensors = lora_tensors(kind, {other: (linears[other], 0.0)})
    tensors["base_model.model." + kind.stored_name(name)] = kind.in_file(weight)
    bias = linears[name].bias
    if bias is not None:
        tensors[f"base_model.model.{kind.body}{name}.bias"] = bias.data
    return adapted(kind, model, path, tensors, [other], modules_to_save=[name])


def by_lora(kind, model, name, weight, path):
    """As a base that differs by the rank-2 matrix that the adapter adds: ΔF = s·B A, (out, in)."""
    layer = dict(model.linears())[name]
    tensors = lora_tensors(kind, {name: (layer, 1.0)})
    A, B = (next(a for n, a in tensors.items() if f"lora_{part}" in n) for part in "AB")
    base = model.view()
    dict(base.linears())[name].weight.data = weight - (ALPHA / RANK * B @ A).T
    return adapted(kind, base, path, tensors, [name])


def lora_tensors(kind, layers):
    """PEFT's A (r, in) and B (out, r); B is `spread` wide."""
    rng, tensors = np.random.default_rng(5), {}
    for name, (layer, spread) in layers.items():
        full = f"base_model.model.{kind.body}{name}"
        A = rng.normal(size=(RANK, layer.in_features))
        B = spread * rng.normal(size=(layer.out_features, RANK))
        tensors[f"{full}.lora_A.weight"], tensors[f"{full}.lora_B.weight"] = A, B
    return {name: array.astype(np.float32) for name, array in tensors.items()}


def adapted(kind, base, path, tensors, targets, **settings):
    path.mkdir(exist_ok=True)
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": targets}
    (path / "adapter_config.json").write_text(json.dumps(config | settings))
    save_file(tensors, path / "adapter_model.safetensors")
    return load_adapter(base, path)


WAYS = [
    (GPT2, by_directory),
    (GPT2, by_modules_to_save),
    (GPT2, by_lora),
    (LLAMA, by_directory),
    (LLAMA, by_gguf),
    (LLAMA, by_modules_to_save),
    (LLAMA, by_lora),
]


def trained_beside(kind, model, name):
    """A LoRA, and the whole layer `name` beside it, both away from their start."""
    other = next(n for n, _ in model.linears() if n != name)
    view = LoRA(RANK, ALPHA, (other,)).apply(model, np.random.default_rng(0))
    for parameter in dict(view.linears())[name].parameters():
        parameter.data, parameter.trainable = parameter.data.copy(), True
    return moved(view)
