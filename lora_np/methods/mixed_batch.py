"""One batch, several adapters: each sample is served by the adapter that it asked for."""

import numpy as np

from ..nn.functional import dropout_backward, dropout_forward
from ..nn.linear import rows
from ..nn.module import Module, Wrapper
from .combine import factors


class PerSample(Wrapper):
    """y_b = base(x_b) + s_k · (x_b A_k) B_k, with k the adapter that sample b asked for.

    The base's product, nearly all of the work, is one for the whole batch.
    Shapes: x (batch, ..., in), y (batch, ..., out).
    """

    def __init__(self, base, adapters, groups, batch):
        self.base, self.batch = base, batch
        self.adapters, self.groups = adapters, groups  # [Factors], [the samples of each]

    def forward(self, x, *, rng=None):
        if len(x) != self.batch:
            raise ValueError(f"PerSample: expected {self.batch} samples, got {len(x)}")
        y, base_cache = self.base.forward(x)
        caches = []
        for adapter, samples in zip(self.adapters, self.groups):
            xd, mask = dropout_forward(x[samples], adapter.dropout, rng)
            u = rows(xd) @ adapter.A.data  # (N_k, r)
            y[samples] += ((adapter.scale * u) @ adapter.B.data).reshape(y[samples].shape)
            caches.append((xd, mask, u))
        return y, (base_cache, caches)

    def backward(self, dy, cache, *, below_trains=True):
        base_cache, caches = cache
        dx = self.base.backward(dy, base_cache, below_trains=below_trains)  # undoes base(x)
        for adapter, samples, (xd, mask, u) in zip(self.adapters, self.groups, caches):
            dyk = rows(dy[samples])
            du = adapter.scale * (dyk @ adapter.B.data.T)  # undoes s·uB
            if adapter.B.trainable:
                adapter.B.accumulate((adapter.scale * u).T @ dyk)  # undoes s·uB
            if adapter.A.trainable:
                adapter.A.accumulate(rows(xd).T @ du)  # undoes xA
            if below_trains:
                dxd = (du @ adapter.A.data.T).reshape(xd.shape)  # undoes xA
                dx[samples] += dropout_backward(dxd, mask)
        return dx


class Factors(Module):
    """One adapter's factors, the very Parameters of its own view."""

    def __init__(self, layer):
        self.A, self.B, self.scale, self.dropout = layer.A, layer.B, layer.scale, layer.dropout


def for_samples(base, views, which):
    """A view of `base` for one batch, in which sample i is served by the adapter views[which[i]].

    `views` maps names to views; the name None is the base alone.
    """
    which = list(which)
    unknown = [name for name in which if name is not None and name not in views]
    if unknown:
        raise ValueError(f"for_samples: no adapter {unknown[0]!r}; there are: {', '.join(views)}")
    used = [name for name in views if name in which]
    parts = {name: factors(base, views[name]) for name in used}
    groups = {name: np.flatnonzero([other == name for other in which]) for name in used}
    result = base.view().freeze()
    for at, layer in result.linears():
        here = [name for name in used if at in parts[name]]
        if here:
            adapters = [Factors(parts[name][at]) for name in here]
            samples = [groups[name] for name in here]
            result.replace(at, PerSample(layer, adapters, samples, len(which)))
    return result
