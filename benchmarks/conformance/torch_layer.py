"""What every layer made of torch modules shares: arrays in and out, and gradients by autograd.

A subclass says how a layer is made and where its factors are; torch's A is (r, in) and its B
(out, r), so both are turned on their way in and out.
"""

import numpy as np
import torch

torch.set_default_dtype(torch.float64)


def tensor(array):
    return torch.tensor(np.asarray(array), dtype=torch.get_default_dtype())


def linear(W, bias=None):
    """torch.nn.Linear with W (in, out) and b."""
    layer = torch.nn.Linear(*W.shape, bias=bias is not None)
    layer.weight.data.copy_(tensor(W.T))
    if bias is not None:
        layer.bias.data.copy_(tensor(bias))
    return layer


class TorchLayer:
    method = "lora"

    def parts(self, layer):
        """{"A": its parameter (r, in), "B": (out, r), and DoRA's "m"}"""
        return {"A": layer.lora_A, "B": layer.lora_B}

    def frozen(self, layer):
        """The parameter with the base's weight (out, in)."""
        return layer.weight

    def mode(self, layer, training):
        layer.train(training)

    def forward(self, layer, x):
        self.mode(layer, False)
        with torch.no_grad():
            return layer(tensor(x)).numpy()

    def train_forward(self, layer, x, seed):
        self.mode(layer, True)
        torch.manual_seed(seed)
        with torch.no_grad():
            return layer(tensor(x)).numpy()

    def factors(self, layer):
        return {name: p.detach().numpy().T.copy() for name, p in self.parts(layer).items()}

    def set_factors(self, layer, **factors):
        for name, p in self.parts(layer).items():
            p.data.copy_(tensor(factors[name].T))

    def gradients(self, layer, x, dy):
        self.mode(layer, True)
        layer.zero_grad()
        x = tensor(x).requires_grad_()
        (layer(x) * tensor(dy)).sum().backward()
        found = {name: p.grad for name, p in self.parts(layer).items()}
        found = {name: g.numpy().T.copy() for name, g in found.items() if g is not None}
        return found if x.grad is None else found | {"x": x.grad.numpy()}

    def train(self, layer, x, dy, lr):
        self.mode(layer, True)
        learns = [p for p in self.learning(layer) if p.requires_grad]
        optimizer = torch.optim.SGD(learns, lr=lr)
        optimizer.zero_grad()
        (layer(tensor(x)) * tensor(dy)).sum().backward()
        optimizer.step()

    def learning(self, layer):
        return layer.parameters()

    def weight(self, layer):
        return self.frozen(layer).detach().numpy().T.copy()


def tensors(state):
    return {key: torch.tensor(value) for key, value in state.items()}
