"""The same LoRA as a torch module, with autograd, and the mistakes that torch makes easy.

Needs the extra `peers`. torch's layout: weight (out, in), A (r, in), B (out, r).
"""

import math

import torch
import torch.nn.functional as F


class LoRALinear(torch.nn.Linear):
    """y = F.linear(x, W, b) + s·F.linear(F.linear(dropout(x), A), B)."""

    def __init__(self, n_in, n_out, rank, alpha, dropout, bias):
        super().__init__(n_in, n_out, bias, dtype=torch.float64)
        self.rank, self.alpha, self.merged = rank, alpha, False
        self.dropout = torch.nn.Dropout(dropout)
        self.A, self.B = (torch.nn.Parameter(p) for p in self.start(rank))
        self.freeze()

    def start(self, rank):
        A = torch.empty(rank, self.in_features, dtype=torch.float64)
        torch.nn.init.kaiming_uniform_(A, a=math.sqrt(5))
        return A, torch.zeros(self.out_features, rank, dtype=torch.float64)

    def freeze(self):
        self.weight.requires_grad_(False)
        if self.bias is not None:
            self.bias.requires_grad_(False)

    def scale(self):
        return self.alpha / self.rank

    def delta(self):
        return self.scale() * self.B @ self.A

    def branch(self, x):
        return self.scale() * F.linear(F.linear(self.dropout(x), self.A), self.B)

    def forward(self, x):
        y = F.linear(x, self.weight, self.bias)
        return y if self.merged else y + self.branch(x)

    @torch.no_grad()
    def merge(self):
        if not self.merged:
            self.weight += self.delta()
            self.merged = True

    @torch.no_grad()
    def unmerge(self):
        if self.merged:
            self.weight -= self.delta()
            self.merged = False

    def adapter(self):
        return {f"lora_{name}": getattr(self, name).detach().clone() for name in "AB"}

    @torch.no_grad()
    def take(self, state):
        if state.keys() != {"lora_A", "lora_B"}:
            raise KeyError(f"expected lora_A and lora_B, got {sorted(state)}")
        for name in "AB":
            if state[f"lora_{name}"].shape != getattr(self, name).shape:
                raise ValueError(f"lora_{name} is {tuple(state[f'lora_{name}'].shape)}")
            getattr(self, name).copy_(state[f"lora_{name}"])


class DoRALinear(LoRALinear):
    """y = x·(m∘V/‖V‖) + b, with the norm detached."""

    def __init__(self, *args):
        super().__init__(*args)
        self.m = torch.nn.Parameter(torch.ones(self.out_features, dtype=torch.float64))

    def started(self):
        self.m.data.copy_(self.norm(self.weight).detach())

    def norm(self, V):
        return V.norm(dim=1)

    def effective(self):
        V = self.weight + self.delta()
        return V * (self.m / self.norm(V).detach())[:, None]

    def forward(self, x):
        weight = self.weight if self.merged else self.effective()
        return F.linear(x, weight, self.bias)

    @torch.no_grad()
    def merge(self):
        if not self.merged:
            self.kept = self.weight.clone()
            self.weight.copy_(self.effective())
            self.merged = True

    @torch.no_grad()
    def unmerge(self):
        self.weight.copy_(self.kept)
        self.merged = False


def tensor(array):
    return torch.tensor(array, dtype=torch.float64)


class TorchSubject:
    """Any of these modules as a subject."""

    def __init__(self, kind):
        self.kind, self.name = kind, kind.__name__
        self.method = "dora" if issubclass(kind, DoRALinear) else "lora"
        if self.method == "dora":
            self.save = self.load = None

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        torch.manual_seed(0)
        layer = self.kind(*W.shape, rank, alpha, dropout, bias is not None)
        layer.weight.data = tensor(W.T)
        if bias is not None:
            layer.bias.data = tensor(bias)
        if self.method == "dora":
            layer.started()
        return layer

    def names(self):
        return ("A", "B", "m") if self.method == "dora" else ("A", "B")

    def forward(self, layer, x):
        with torch.no_grad():
            return layer.eval()(tensor(x)).numpy()

    def train_forward(self, layer, x, seed):
        torch.manual_seed(seed)
        with torch.no_grad():
            return layer.train()(tensor(x)).numpy()

    def factors(self, layer):
        return {name: getattr(layer, name).detach().numpy().T.copy() for name in self.names()}

    def set_factors(self, layer, **factors):
        for name in self.names():
            getattr(layer, name).data.copy_(tensor(factors[name].T))

    def gradients(self, layer, x, dy):
        layer.train().zero_grad()
        x = tensor(x).requires_grad_()
        (layer(x) * tensor(dy)).sum().backward()
        found = {name: getattr(layer, name).grad for name in self.names()} | {"x": x.grad}
        zero = torch.zeros_like
        full = {
            name: zero(x if name == "x" else getattr(layer, name)) if g is None else g
            for name, g in found.items()
        }
        return {name: g.numpy() if name == "x" else g.numpy().T for name, g in full.items()}

    def train(self, layer, x, dy, lr):
        learns = [p for p in layer.train().parameters() if p.requires_grad]
        optimizer = torch.optim.SGD(learns, lr=lr)
        optimizer.zero_grad()
        (layer(tensor(x)) * tensor(dy)).sum().backward()
        optimizer.step()

    def weight(self, layer):
        return layer.weight.detach().numpy().T.copy()

    def merge(self, layer):
        layer.merge()
        return self.weight(layer)

    def unmerge(self, layer):
        layer.unmerge()
        return self.weight(layer)

    def save(self, layer):
        return {key: value.numpy() for key, value in layer.adapter().items()}

    def load(self, layer, state):
        layer.take({key: tensor(value) for key, value in state.items()})
        return layer
