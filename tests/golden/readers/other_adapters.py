"""The cases of other_adapters/, which mlx-lm wrote, and the small bases that they stand on."""

import numpy as np

from golden.readers.golden_hf import GOLDEN
from helpers.gguf_files import write_gguf_adapter
from helpers.llamas import small_llama
from helpers.models import moved, small_gpt
from lora_np.methods import LoRA
from lora_np.methods.targets import layers_of
from lora_np.nn import GPTConfig, LlamaConfig

HERE = GOLDEN / "other_adapters"
SIZES = {"vocab_size": 7, "hidden_size": 16, "intermediate_size": 12, "num_hidden_layers": 2}
SIZES |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32}
TOKENS = np.random.RandomState(0).randint(0, 7, (2, 9))


def parameters(**given):
    return {"rank": 2, "scale": 1.7, "dropout": 0.0} | given


CASES = {  # name: (model, what adapter_config.json says)
    "lora": ("llama", {"fine_tune_type": "lora", "num_layers": 2, "lora_parameters": parameters()}),
    "dora_last_layer": (
        "llama",
        {
            "fine_tune_type": "dora",
            "num_layers": 1,
            "lora_parameters": parameters(keys=["self_attn.q_proj", "mlp.down_proj"], rank=3),
        },
    ),
    "qwen3": (
        "qwen3",
        {
            "fine_tune_type": "lora",
            "num_layers": -1,
            "lora_parameters": parameters(keys=["self_attn.k_proj"], dropout=0.1),
        },
    ),
    "gpt2": (
        "gpt2",
        {
            "fine_tune_type": "lora",
            "num_layers": 16,
            "lora_parameters": parameters(keys=["attn.c_attn", "mlp.c_proj"]),
        },
    ),
    "full": ("llama", {"fine_tune_type": "full", "num_layers": 1, "lora_parameters": {}}),
}


def base_of(kind):
    if kind == "gpt2":
        return small_gpt(GPTConfig(7, 32, 16, 2, 4), np.float32)
    return small_llama(LlamaConfig(**SIZES, model_type=kind), np.float32)


def adapted(base):
    """LoRA on every layer, away from its start."""
    return moved(LoRA(3, 5.0, "all-linear").apply(base, np.random.default_rng(0)))


def as_converted(path, model):
    """The model's LoRA in a GGUF file, as llama.cpp's converter writes it."""
    [method] = model.methods
    layers = {name: (x.A.data.T, x.B.data.T) for name, x in layers_of(model, method.layer)}
    write_gguf_adapter(path, layers, model.config, method.alpha)


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def layers_of_rank(*ranks):
    """{layer: (A (r, in), B (out, r))} of two layers of the Llama."""
    sizes = {"layers.0.self_attn.q_proj": (16, 16), "layers.1.mlp.down_proj": (12, 16)}
    rng = np.random.default_rng(0)
    return {
        name: (rng.normal(size=(rank, n_in)), rng.normal(size=(n_out, rank)))
        for (name, (n_in, n_out)), rank in zip(sizes.items(), ranks)
    }
