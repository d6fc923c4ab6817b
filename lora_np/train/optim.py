"""SGD and AdamW. `step()` moves the parameters by their gradients and then clears those."""

import math
from collections.abc import Iterable

import numpy as np

from ..system.checks import check_real


class Optimizer:
    """Parameter groups, each with its own learning rate, as in torch.

    `parameters` is a list of Parameters, or of {"params": [...], "lr": ...} groups. `rate`
    multiplies every group's learning rate: a schedule sets it before each step.
    """

    def __init__(self, parameters: Iterable, lr: float):
        parameters = list(parameters)
        if not parameters or not isinstance(parameters[0], dict):
            parameters = [{"params": parameters}]
        self.groups = [(list(group["params"]), group.get("lr", lr)) for group in parameters]
        self.rate = 1.0
        flat = self.parameters
        if not flat:
            raise ValueError("the optimizer got no parameters: does anything train?")
        if len({id(p) for p in flat}) != len(flat):
            raise ValueError("the optimizer got a parameter twice")
        if any(not p.trainable for p in flat):
            raise ValueError("the optimizer got a frozen parameter; use trainable_parameters()")
        for _, group_lr in self.groups:
            check_real("the optimizer: expected lr", group_lr, "from 0")

    @property
    def parameters(self):
        return [p for group, _ in self.groups for p in group]

    def state(self):
        """The arrays that carry over from step to step, by name; written into to resume."""
        return {}

    def step(self):
        """Update every parameter that has a gradient, in place, and set the gradient to None."""
        each = ((parameter, lr) for group, lr in self.groups for parameter in group)
        for index, (parameter, lr) in enumerate(each):
            if parameter.grad is not None:
                self._update(parameter, index, lr * self.rate)
                parameter.grad = None


class SGD(Optimizer):
    """w ← w − lr · dw."""

    def _update(self, parameter, index, lr):
        parameter.data -= lr * parameter.grad


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2), as in torch.

    w ← w·(1 − lr·λ) − lr · m̂ / (√v̂ + ε), with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ),
    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g².
    """

    def __init__(
        self, parameters: Iterable, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0.0,
    ):  # fmt: skip
        super().__init__(parameters, lr)
        for beta in betas:
            check_real("AdamW: expected each of betas", beta, "from 0 to below 1")
        check_real("AdamW: expected eps", eps)
        check_real("AdamW: expected weight_decay", weight_decay, "from 0")
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        self.t = np.zeros(len(self.parameters), np.int64)  # steps taken, one for each parameter
        self.m = [np.zeros_like(p.data) for p in self.parameters]
        self.v = [np.zeros_like(p.data) for p in self.parameters]

    def state(self):
        moments = {f"m.{i}": m for i, m in enumerate(self.m)}
        return {"t": self.t, **moments, **{f"v.{i}": v for i, v in enumerate(self.v)}}

    def _update(self, parameter, index, lr):
        (beta1, beta2), g = self.betas, parameter.grad
        m, v = self.m[index], self.v[index]
        self.t[index] += 1
        t = int(self.t[index])
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * (g * g)
        self._move(parameter.data, m, v, lr, t)

    def _move(self, w, m, v, lr, t):
        beta1, beta2 = self.betas
        if self.weight_decay:
            w *= 1 - lr * self.weight_decay
        step = np.sqrt(v)
        step *= 1 / math.sqrt(1 - beta2**t)
        step += self.eps
        np.divide(m, step, out=step)
        step *= lr / (1 - beta1**t)
        w -= step
