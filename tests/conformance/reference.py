"""LoRA in NumPy as it should be, in one class a method: what the mutants break, one line each."""

from types import SimpleNamespace

import numpy as np

from lora_np.quant import quantize_nf4


class Reference:
    """A subject: y = xW + b + s·xAB, s = α/r."""

    name, method = "a LoRA in NumPy", "lora"

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        layer = SimpleNamespace(W=self.held(W), rank=rank, alpha=alpha, dropout=dropout)
        layer.bias, layer.merged = np.zeros(W.shape[1]) if bias is None else bias, False
        layer.A, layer.B = self.start(*W.shape, rank)
        return layer

    def held(self, W):
        return W.copy()

    def start(self, n_in, n_out, rank):
        return np.random.default_rng(0).uniform(-1, 1, (n_in, rank)), np.zeros((rank, n_out))

    def scale(self, layer):
        return layer.alpha / layer.rank

    def delta(self, layer):
        return self.scale(layer) * (layer.A @ layer.B)

    def branch(self, layer, x):
        return self.scale(layer) * (x @ layer.A @ layer.B)

    def forward(self, layer, x):
        y = x @ layer.W + layer.bias
        return y if layer.merged else y + self.branch(layer, x)

    def dropped(self, layer, x, seed):
        kept = np.random.default_rng(seed).random(x.shape) >= layer.dropout
        return x * kept / (1 - layer.dropout)

    def train_forward(self, layer, x, seed):
        return x @ layer.W + layer.bias + self.branch(layer, self.dropped(layer, x, seed))

    def factors(self, layer):
        return {"A": layer.A, "B": layer.B}

    def set_factors(self, layer, **factors):
        vars(layer).update(factors)

    def gradients(self, layer, x, dy):
        s, shape = self.scale(layer), x.shape
        x, dy = x.reshape(-1, shape[-1]), dy.reshape(-1, dy.shape[-1])
        du = s * (dy @ layer.B.T)
        dA, dB = x.T @ du, s * (x @ layer.A).T @ dy
        return {"A": dA, "B": dB, "x": (dy @ layer.W.T + du @ layer.A.T).reshape(shape)}

    def train(self, layer, x, dy, lr):
        gradients = self.gradients(layer, x, dy)
        for name in self.factors(layer):
            setattr(layer, name, getattr(layer, name) - lr * gradients[name])

    def weight(self, layer):
        return layer.W

    def merge(self, layer):
        if not layer.merged:
            layer.W, layer.merged = layer.W + self.delta(layer), True
        return layer.W

    def unmerge(self, layer):
        if layer.merged:
            layer.W, layer.merged = layer.W - self.delta(layer), False
        return layer.W

    def combine(self, layers, weights):
        ranks = [layer.rank for layer in layers]
        both = self.make(layers[0].W, sum(ranks), self.alpha_for_one(sum(ranks)))
        both.A = np.concatenate([layer.A for layer in layers], axis=1)
        scaled = [w * self.scale(layer) * layer.B for w, layer in zip(weights, layers)]
        both.B = np.concatenate(scaled)
        return both

    def alpha_for_one(self, rank):
        """The α that makes the scale 1."""
        return rank

    def save(self, layer):
        return {f"lora_{name}": value.copy() for name, value in self.factors(layer).items()}

    def load(self, layer, state):
        own = {f"lora_{name}": value.shape for name, value in self.factors(layer).items()}
        found = {key: value.shape for key, value in state.items()}
        if found != own:
            raise ValueError(f"expected {own}, got {found}")
        self.set_factors(layer, **{name[5:]: value.copy() for name, value in state.items()})
        return layer


class ReferenceRSLoRA(Reference):
    """s = α/√r."""

    name, method = "an rsLoRA in NumPy", "rslora"

    def scale(self, layer):
        return layer.alpha / layer.rank**0.5

    def alpha_for_one(self, rank):
        return rank**0.5


class ReferenceDoRA(Reference):
    """y = x·(m∘V/‖V‖) + b, V = W + s·AB."""

    name, method = "a DoRA in NumPy", "dora"
    combine = None

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        layer = super().make(W, rank, alpha, bias, dropout)
        layer.m = self.norm(layer.W)
        return layer

    def norm(self, V):
        return np.sqrt((V * V).sum(axis=0))

    def V(self, layer):
        return layer.W + self.delta(layer)

    def effective(self, layer):
        return self.V(layer) * (layer.m / self.norm(self.V(layer)))

    def forward(self, layer, x):
        return x @ (layer.W if layer.merged else self.effective(layer)) + layer.bias

    def train_forward(self, layer, x, seed):
        added = self.effective(layer) - layer.W
        return x @ layer.W + layer.bias + self.dropped(layer, x, seed) @ added

    def factors(self, layer):
        return {"A": layer.A, "B": layer.B, "m": layer.m}

    def gradients(self, layer, x, dy):
        s, shape, norm = self.scale(layer), x.shape, self.norm(self.V(layer))
        x, dy = x.reshape(-1, shape[-1]), dy.reshape(-1, dy.shape[-1])
        dz = dy * (layer.m / norm)  # the norm is held constant
        dm = (dy * (x @ self.V(layer))).sum(axis=0) / norm
        dA, dB = s * x.T @ dz @ layer.B.T, s * (x @ layer.A).T @ dz
        return {"A": dA, "B": dB, "m": dm, "x": (dz @ self.V(layer).T).reshape(shape)}

    def merge(self, layer):
        if not layer.merged:
            layer.kept, layer.W, layer.merged = layer.W, self.effective(layer), True
        return layer.W

    def unmerge(self, layer):
        layer.W, layer.merged = layer.kept, False
        return layer.W


class ReferenceQLoRA(Reference):
    """W is held as NF4 gives it back."""

    name, quantized = "a QLoRA in NumPy", True
    unmerge = None

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        layer = super().make(W, rank, alpha, bias, dropout)
        layer.given = W  # what it was before it was rounded, for the mutants
        return layer

    def held(self, W):
        return quantize_nf4(W).dequantize(W.dtype)


class ReferenceQKV(Reference):
    """Q, K and V side by side, each with factors of its own or none."""

    name = "a fused QKV LoRA in NumPy"
    make = None

    def make_qkv(self, W, rank, alpha, sizes, enabled):
        layer = SimpleNamespace(W=W, rank=rank, alpha=alpha, sizes=sizes, enabled=enabled)
        layer.bias, layer.merged = 0, False
        for part in enabled:
            A, B = self.start(len(W), sizes[part], rank)
            self.set_factors(layer, **{f"A_{part}": A, f"B_{part}": B})
        return layer

    def part(self, layer, part):
        if part not in layer.enabled:
            return np.zeros((len(layer.W), layer.sizes[part]))
        factors = vars(layer)
        return self.scale(layer) * factors[f"A_{part}"] @ factors[f"B_{part}"]

    def delta(self, layer):
        return np.concatenate([self.part(layer, part) for part in layer.sizes], axis=1)

    def branch(self, layer, x):
        return x @ self.delta(layer)
