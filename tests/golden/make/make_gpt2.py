"""Write gpt2_*.safetensors: what torch and transformers say about small random GPT-2s.

    python tests/golden/make/make_gpt2.py        needs the `peers` extra

Each file holds, in float64: the start weights (`start.`), tokens, targets and weights of a batch,
the logits and the loss, every gradient (`grad.`), and the weights and logits after five AdamW
steps (`end.`, `end_logits`).
The configuration is in the metadata. The same library versions give the same numbers; only the
order of the metadata may differ.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel

HERE = Path(__file__).parents[1] / "data"
SIZES = {
    "one_head": {"vocab_size": 11, "n_positions": 6, "n_embd": 8, "n_layer": 1, "n_head": 1},
    "three_heads": {"vocab_size": 13, "n_positions": 8, "n_embd": 12, "n_layer": 2, "n_head": 3},
    "own_inner": {
        "vocab_size": 17,
        "n_positions": 7,
        "n_embd": 8,
        "n_layer": 3,
        "n_head": 4,
        "n_inner": 20,
    },
}
ADAMW = {"lr": 1e-2, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.1}


def cross_entropy(logits, targets, weights):
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), reduction="none"
    )
    return (losses * weights.flatten()).sum() / weights.sum()


def named(model, prefix, array=lambda p: p.detach()):
    """Every parameter once (the tied head is the embedding), without `transformer.`."""
    return {
        prefix + name.removeprefix("transformer."): array(p).clone().contiguous()
        for name, p in model.named_parameters()
    }


def make(name, sizes):
    torch.manual_seed(len(name))
    config = GPT2Config(**sizes, embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0)
    config._attn_implementation = "eager"
    model = GPT2LMHeadModel(config).double().train()
    with torch.no_grad():  # away from zero biases and LayerNorms of ones
        for p in model.parameters():
            p += 0.2 * torch.randn_like(p)
    T = sizes["n_positions"]
    tokens = torch.randint(0, sizes["vocab_size"], (3, T))
    targets = torch.randint(0, sizes["vocab_size"], (3, T))
    weights = (torch.arange(T) < torch.tensor([[T], [T - 2], [3]])).double()
    tensors = {"tokens": tokens, "targets": targets, "weights": weights} | named(model, "start.")
    optimizer = torch.optim.AdamW(model.parameters(), **ADAMW)
    for step in range(5):
        optimizer.zero_grad()
        logits = model(tokens).logits
        loss = cross_entropy(logits, targets, weights)
        loss.backward()
        if step == 0:
            tensors |= {"logits": logits.detach(), "loss": loss.detach()}
            tensors |= named(model, "grad.", lambda p: p.grad)
        optimizer.step()
    tensors |= named(model, "end.") | {"end_logits": model(tokens).logits.detach()}
    metadata = {"config": json.dumps(sizes), "adamw": json.dumps(ADAMW)}
    save_file(tensors, HERE / f"gpt2_{name}.safetensors", metadata)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    for name, sizes in SIZES.items():
        make(name, sizes)
