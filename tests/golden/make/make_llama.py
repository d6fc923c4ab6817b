"""Write llama_*.safetensors: what torch and transformers say about small random Llamas.

    python tests/golden/make/make_llama.py       needs the `peers` extra

Each file holds, in float64: the start weights (`start.`), tokens, targets and weights of a batch,
the logits and the loss, and every gradient (`grad.`), under transformers' names without `model.`.
transformers computes rotary angles and norms in float32 whatever the model's dtype is, so here both
are computed anew in float64. The configuration is in the metadata.
"""

import argparse
import json
from pathlib import Path

import torch
from make_gpt2 import cross_entropy
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRMSNorm

HERE = Path(__file__).parents[1] / "data"
SIZES = {
    "grouped": {  # three query heads share each of two keys
        "vocab_size": 13,
        "hidden_size": 24,
        "intermediate_size": 20,
        "num_hidden_layers": 2,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "max_position_embeddings": 9,
        "rope_theta": 100000.0,
    },
    "own_keys": {  # no grouping, and a head's tokens are not the embedding's
        "vocab_size": 11,
        "hidden_size": 12,
        "intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 3,
        "num_key_value_heads": 3,
        "max_position_embeddings": 7,
        "rms_norm_eps": 1e-3,
        "tie_word_embeddings": False,
    },
    "wide_heads": {  # heads that are together wider than the model; one key for all
        "vocab_size": 17,
        "hidden_size": 10,
        "intermediate_size": 15,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "max_position_embeddings": 8,
    },
}


def exact_angles(config):
    """A replacement for transformers' rotary embedding, in float64 throughout."""
    hd = config.head_dim
    rates = config.rope_parameters["rope_theta"] ** (
        -torch.arange(0, hd, 2, dtype=torch.float64) / hd
    )

    def forward(x, position_ids):
        angles = position_ids[..., None].double() * rates
        angles = torch.cat([angles, angles], dim=-1)
        return angles.cos(), angles.sin()

    return forward


def exact_norm(norm):
    """A replacement for transformers' RMSNorm, in float64 throughout."""

    def forward(x):
        return norm.weight * x * (x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon).rsqrt()

    return forward


def make(name, sizes):
    torch.manual_seed(len(name))
    config = LlamaConfig(**{"tie_word_embeddings": True, "rms_norm_eps": 1e-5} | sizes)
    config._attn_implementation = "sdpa"  # the eager one has its softmax in float32
    model = LlamaForCausalLM(config).double().train()
    model.model.rotary_emb.forward = exact_angles(config)
    for module in model.modules():
        if isinstance(module, LlamaRMSNorm):
            module.forward = exact_norm(module)
    with torch.no_grad():  # away from norms of ones
        for p in model.parameters():
            p += 0.2 * torch.randn_like(p)
    T = sizes["max_position_embeddings"]
    tokens = torch.randint(0, sizes["vocab_size"], (3, T))
    targets = torch.randint(0, sizes["vocab_size"], (3, T))
    weights = (torch.arange(T) < torch.tensor([[T], [T - 2], [3]])).double()
    logits = model(tokens).logits
    loss = cross_entropy(logits, targets, weights)
    loss.backward()
    tensors = {
        "tokens": tokens,
        "targets": targets,
        "weights": weights,
        "logits": logits.detach(),
        "loss": loss.detach(),
    }
    for key, p in model.named_parameters():
        key = key.removeprefix("model.")
        tensors |= {f"start.{key}": p.detach().clone(), f"grad.{key}": p.grad.clone()}
    save_file(tensors, HERE / f"llama_{name}.safetensors", {"config": json.dumps(sizes)})


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    for name, sizes in SIZES.items():
        make(name, sizes)
