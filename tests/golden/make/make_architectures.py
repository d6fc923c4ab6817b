"""Write architectures.json and .npz: what transformers says of the cases of readers/architectures.

    PYTHONPATH=. python tests/golden/make/make_architectures.py        needs the `peers` extra

Everything is in float64: transformers computes rates, angles and norms in what it calls float32,
and here that name stands for float64 while it does, so that the formulas are its own. Gradients are
kept in float32.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from make_gpt2 import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).parents[2]))
from golden.readers.architectures import CASES, NEW, numbers
from golden.readers.golden_hf import GOLDEN


@contextlib.contextmanager
def doubles():
    torch.set_default_dtype(torch.float64)
    with (
        mock.patch.object(torch, "float", torch.float64),
        mock.patch.object(torch, "float32", torch.float64),
        mock.patch.object(torch.Tensor, "float", torch.Tensor.double),
    ):
        yield


def config_of(kind, settings):
    """The config, and what transformers writes of it."""
    config = AutoConfig.for_model(kind, **settings)
    config.architectures = [AutoModelForCausalLM._model_mapping[type(config)].__name__]
    with tempfile.TemporaryDirectory() as directory:
        config.save_pretrained(directory)
        text = (Path(directory) / "config.json").read_text()
    return config, json.loads(text)


def written_by(model, seed):
    """A prompt and what the model writes behind it, or nothing where two tokens are near a tie."""
    prompt = torch.from_numpy(np.random.RandomState(seed).randint(0, 11, (2, NEW // 2)))
    options = {"max_new_tokens": NEW, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    options |= {"output_logits": True, "return_dict_in_generate": True}
    found = model.generate(prompt, attention_mask=torch.ones_like(prompt), **options)
    two = torch.stack(found.logits).topk(2).values
    return found.sequences.clone() if (two[..., 0] - two[..., 1]).min() > 5e-3 else None


def make(kind, settings):
    """(its config.json and shapes, {what: array})."""
    config, written = config_of(kind, settings)
    config._attn_implementation = "sdpa"  # the eager one has its softmax in float32
    model = AutoModelForCausalLM.from_config(config).double().train()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.from_numpy(numbers(name, tuple(p.shape))))
    generated = next(t for seed in range(99) if (t := written_by(model.eval(), seed)) is not None)
    model.train()
    T = 14
    tokens, targets = torch.from_numpy(np.random.RandomState(1).randint(0, 11, (2, 2, T)))
    weights = (torch.arange(T) < torch.tensor([[T], [T - 3]])).double()
    logits = model(tokens).logits
    loss = cross_entropy(logits, targets, weights)
    loss.backward()
    arrays = {"tokens": tokens, "targets": targets, "weights": weights, "loss": loss}
    arrays |= {"logits": logits, "generated": generated}
    arrays = {key: value.detach().numpy() for key, value in arrays.items()}
    named = dict(model.named_parameters())
    grads = [p.grad.numpy().ravel() for p in named.values()]  # end to end: many files add up
    arrays |= {"grads": np.concatenate(grads).astype(np.float32)}
    return {"config": written, "shapes": {key: list(p.shape) for key, p in named.items()}}, arrays


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    torch.set_num_threads(1)
    about, arrays = {}, {}
    with doubles():
        for name, (kind, settings) in CASES.items():
            about[name], each = make(kind, settings)
            arrays |= {f"{name}/{key}": value for key, value in each.items()}
    (GOLDEN / "architectures.json").write_text(json.dumps(about) + "\n")
    np.savez_compressed(GOLDEN / "architectures.npz", **arrays)
