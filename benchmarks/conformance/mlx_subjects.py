"""mlx-lm's LoRA and DoRA, float32 on the CPU, as subjects. They take s, so α/r is ours."""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx_lm.tuner.dora import DoRALinear
from mlx_lm.tuner.lora import LoRALinear

mx.set_default_device(mx.cpu)


def array(value):
    return mx.array(np.asarray(value, np.float32))


class MLX:
    library, name, method, kind = "mlx-lm", "mlx-lm LoRALinear", "lora", LoRALinear
    parts = {"A": "lora_a", "B": "lora_b"}

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        base = nn.Linear(*W.shape, bias=bias is not None)
        base.weight = array(W.T)
        if bias is not None:
            base.bias = array(bias)
        layer = self.kind.from_base(base, r=rank, dropout=dropout, scale=alpha / rank)
        layer.freeze()
        layer.unfreeze(keys=list(self.parts.values()), recurse=False)
        return layer

    def forward(self, layer, x):
        layer.eval()
        return np.array(layer(array(x)))

    def train_forward(self, layer, x, seed):
        layer.train()
        mx.random.seed(seed)
        return np.array(layer(array(x)))

    def factors(self, layer):
        return {name: np.array(layer[key]) for name, key in self.parts.items()}

    def set_factors(self, layer, **factors):
        for name, key in self.parts.items():
            layer[key] = array(factors[name])

    def gradients(self, layer, x, dy):
        layer.eval()

        def loss(x, dy):
            return (layer(x) * dy).sum()

        _, own = nn.value_and_grad(layer, loss)(array(x), array(dy))
        found = {name: np.array(own[key]) for name, key in self.parts.items()}
        return found | {"x": np.array(mx.grad(loss)(array(x), array(dy)))}

    def train(self, layer, x, dy, lr):
        own = self.gradients(layer, x, dy)
        for name, key in self.parts.items():
            if key in layer.trainable_parameters():
                layer[key] = layer[key] - lr * array(own[name])

    def weight(self, layer):
        return np.array(layer.linear.weight).T

    def merge(self, layer):
        return np.array(layer.fuse().weight).T


class MLXDoRA(MLX):
    name, method, kind = "mlx-lm DoRALinear", "dora", DoRALinear
    parts = {**MLX.parts, "m": "m"}


SUBJECTS = [MLX(), MLXDoRA()]
