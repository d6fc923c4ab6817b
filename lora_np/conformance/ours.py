"""This package's own layers as subjects: `python -m lora_np check lora_np.conformance.ours:LORA`.

Each layer stands alone in a model, so that methods, files and combinations are those of any model.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..checkpoint.peft.forms import arrays
from ..checkpoint.safetensors_io import compare_shapes, open_tensors
from ..checkpoint.safetensors_write import save_tensors
from ..methods import IA3, DoRA, LoRA, QLoRA
from ..methods import combine as combining
from ..nn.linear import Linear
from ..nn.module import Module
from ..objectives import DPO, PPO, Distillation
from ..objectives import cross_entropy as cross_entropy_of
from ..quant import quantize_nf4
from ..tasks import Batch, Pairs, PolicySamples, TaughtBatch
from ..train.optim import SGD


class Model(Module):
    """One linear layer, which a method then wraps."""

    def __init__(self, W, bias=None):
        self.layer = Linear(W, bias)

    def forward(self, x, *, rng=None):
        return self.layer.forward(x, rng=rng)

    def backward(self, dy, cache):
        return self.layer.backward(dy, cache)


class Ours:
    """A subject whose layers `apply(rank, alpha, dropout)`'s method makes."""

    def __init__(self, name, apply, method="lora", quantized=False):
        self.name, self.apply, self.method, self.quantized = name, apply, method, quantized

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        model = Model(W, bias)
        return self.apply(rank, alpha, dropout).apply(model, np.random.default_rng(0))

    def forward(self, model, x):
        return model(x)

    def train_forward(self, model, x, seed):
        return model.forward(x, rng=np.random.default_rng(seed))[0]

    def factors(self, model):
        return {name.removeprefix("layer."): p.data for name, p in learning(model)}

    def set_factors(self, model, **factors):
        for name, p in learning(model):
            p.data[...] = factors[name.removeprefix("layer.")]

    def gradients(self, model, x, dy):
        view = model.view()
        _, cache = view.forward(x)
        dx = view.backward(dy, cache)
        return {"x": dx} | {name.removeprefix("layer."): p.grad for name, p in learning(view)}

    def train(self, model, x, dy, lr):
        _, cache = model.forward(x)
        model.backward(dy, cache)
        SGD(model.trainable_parameters(), lr=lr).step()

    def weight(self, model):
        return model.layer.base.effective_weight()

    def merge(self, model):
        return model.layer.merge().weight.data

    def save(self, model):
        return {name: array.copy() for name, array in arrays(model).items()}

    def load(self, model, state):
        """Through a file, as `load_adapter` reads it."""
        with tempfile.TemporaryDirectory() as folder:
            path, own = Path(folder, "adapter_model.safetensors"), arrays(model)
            save_tensors(state, path)
            with open_tensors(path) as stored:
                expected = {name: array.shape for name, array in own.items()}
                compare_shapes(expected, stored, "the adapter")
                for name, array in own.items():
                    array[...] = stored[name].read(array.dtype)
        return model


class OursCombined(Ours):
    """Of plain factors, which alone can be combined exactly."""

    def combine(self, models, weights):
        base = Model(models[0].layer.base.effective_weight())
        return combining.combine(base, [rebased(model, base) for model in models], weights)


def learning(model):
    return [(name, p) for name, p in model.named_parameters() if p.trainable]


def rebased(model, base):
    """The same factors on `base`, whose arrays all of its adapters share."""
    (method,) = model.methods
    view = replace(method, dropout=0.0).apply(base, np.random.default_rng(0))
    view.layer.A.data[...], view.layer.B.data[...] = model.layer.A.data, model.layer.B.data
    return view


TARGET = ("layer",)
LORA = OursCombined("lora_np LoRA", lambda r, alpha, p: LoRA(r, alpha, TARGET, p))
RSLORA = OursCombined("lora_np rsLoRA", lambda r, alpha, p: LoRA(r, alpha, TARGET, p, rslora=True),
                      method="rslora")  # fmt: skip
DORA = Ours("lora_np DoRA", lambda r, alpha, p: DoRA(r, alpha, TARGET, p), method="dora")
QLORA = Ours("lora_np QLoRA", lambda r, alpha, p: QLoRA(r, alpha, TARGET, p), quantized=True)


class OursIA3(Ours):
    """No rank, no α, no dropout: one factor for each output."""

    def make(self, W, rank, alpha, bias=None):
        return IA3(TARGET, ()).apply(Model(W, bias))


IA3_BEHIND = OursIA3("lora_np IA3", None, method="ia3")


class NF4:
    name = "lora_np NF4"

    @staticmethod
    def quantize(w, block):
        return quantize_nf4(w, block)

    @staticmethod
    def dequantize(q):
        return q.dequantize()

    @staticmethod
    def nbytes(q):
        return q.nbytes


class Objectives:
    """`Batch` puts what an objective needs beside the targets; texts of one token stand for all."""

    name = "lora_np objectives"

    @staticmethod
    def cross_entropy(logits, targets, counts):
        return cross_entropy_of(logits, Batch(targets, targets, counts))

    @staticmethod
    def accumulate(shards):
        logits, targets, counts = map(np.concatenate, zip(*shards))
        parts = Batch(targets, targets, counts).split(len(shards))
        done = [cross_entropy_of(z, part) for (z, _, _), part in zip(shards, parts)]
        return sum(loss for loss, _ in done), [dlogits for _, dlogits in done]

    @staticmethod
    def dpo(chosen, rejected, ref_chosen, ref_rejected, beta):
        logits, plain = of_logps(interleaved(chosen, rejected))
        reference = interleaved(ref_chosen, ref_rejected)
        batch = Pairs(plain.tokens, plain.targets, plain.weights, reference)
        return DPO(beta)(logits, batch)[0]

    @staticmethod
    def ppo(logp, old_logp, advantages, clip):
        logits, b = of_logps(logp)
        none = np.zeros(len(logp))
        batch = PolicySamples(
            b.tokens, b.targets, b.weights, old_logp[:, None], advantages, none, none
        )
        loss, dlogits = PPO(clip)(logits, batch)
        return loss, dlogits[:, 0, 0] / -np.expm1(logp)  # undoes d log p/dlogit = 1 − p

    @staticmethod
    def distillation(student, teacher, temperature):
        none = np.zeros(student.shape[:2], int)
        batch = TaughtBatch(none, none, np.ones(none.shape), teacher)
        return Distillation(temperature)(student, batch)


def interleaved(chosen, rejected):
    return np.stack([chosen, rejected], axis=1).ravel()


def of_logps(logp):
    """Logits (n, 1, 2) that give the first token these log-probabilities, and a batch of it."""
    logits = np.stack([logp, np.log(-np.expm1(logp))], axis=-1)[:, None]
    none = np.zeros((len(logp), 1), int)
    return logits, Batch(none, none, np.ones(none.shape))


ALL = (LORA, RSLORA, DORA, QLORA, IA3_BEHIND, NF4, Objectives)
