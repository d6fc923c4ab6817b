"""What the rotations share: a layer behind a rotated input, and orthogonal matrices from skew ones.

A skew-symmetric Q (Qᵀ = −Q) has b(b − 1)/2 free numbers, and each gives an orthogonal matrix
without a constraint on them: R = (I − Q)(I + Q)⁻¹ (Cayley 1846).
"""

import numpy as np

from ...nn.linear import LinearLike, rows
from ...nn.module import Wrapper


class Rotated(Wrapper, LinearLike):
    """y = base(xR), so W' = RW: each output's weights turn together and keep lengths and angles.

    A kind of rotation writes `rotate` and `rotate_backward`. Shapes: x (..., in), R (in, in).
    """

    def forward(self, x, *, rng=None):
        self._check(x)
        z, cache = self.rotate(rows(x))  # (N, in)
        y, base_cache = self.base.forward(z.reshape(x.shape))
        return y, (base_cache, cache)

    def backward(self, dy, cache, *, below_trains=True):
        base_cache, cache = cache
        dz = self.base.backward(dy, base_cache)  # undoes base(z)
        dx = self.rotate_backward(rows(dz), cache)  # undoes xR
        return dx.reshape(dz.shape) if below_trains else None

    def effective_weight(self):
        R, _ = self.rotate(np.eye(self.in_features, dtype=self.dtype))
        return R @ self.base.effective_weight()


def times_blocks(x, R):
    """x times the block-diagonal matrix of R's blocks. Shapes: x (N, D·b), R (D, b, b)."""
    return (split(x, R) @ R).transpose(1, 0, 2).reshape(x.shape)


def times_blocks_backward(dz, x, R, learns=True):
    """(dx, dR), and None for dR unless it `learns`."""
    dx = times_blocks(dz, R.transpose(0, 2, 1))  # undoes xR: dx = dz Rᵀ
    dR = split(x, R).transpose(0, 2, 1) @ split(dz, R) if learns else None  # dR = xᵀ dz
    return dx, dR


def split(x, R):
    """(N, D·b) as (D, N, b): the columns that each of R's D blocks turns."""
    return x.reshape(len(x), len(R), -1).transpose(1, 0, 2)


def moved(x, m, n, b):
    """Columns as (…, m, n, b/2), with m and n swapped. (N, in), and as it is where one is 1."""
    return x if 1 in (m, n) else x.reshape(len(x), -1, m, n, b // 2).swapaxes(2, 3).reshape(x.shape)


def quarter(z):
    """Jz: (z₁, z₂) turned by a quarter, to (−z₂, z₁). Shapes: z (N, groups, 2, pairs)."""
    return np.stack([-z[:, :, 1], z[:, :, 0]], axis=2)


def cayley(Q):
    """(R, M): R = (I − Q)(I + Q)⁻¹ = 2M − I with M = (I + Q)⁻¹. Shapes: all (D, b, b)."""
    eye = np.eye(Q.shape[-1], dtype=Q.dtype)
    M = np.linalg.inv(eye + Q)
    return 2 * M - eye, M


def cayley_backward(dR, M):
    Mt = M.transpose(0, 2, 1)
    return -2 * (Mt @ dR @ Mt)  # undoes 2M − I, then (I + Q)⁻¹: δM = −M δQ M


def neumann(Q, terms):
    """(R, steps): R = (I + Q)(I + Q + … + Q^(terms − 2)), which is (I + Q)(I − Q)⁻¹ cut off
    (Qiu et al. 2025, arXiv 2506.19847, §4.2). It needs no inverse, and is a rotation only nearly.

    Note the sign: it turns the other way round than `cayley`. By Horner's rule, a step a product.
    """
    eye = np.eye(Q.shape[-1], dtype=Q.dtype)
    steps = [eye + np.zeros_like(Q)]
    for _ in range(terms - 2):
        steps.append(2 * eye + Q @ steps[-1])
    return eye + Q @ steps[-1], steps


def neumann_backward(dR, steps, Q):
    dQ, Qt = np.zeros_like(dR), Q.transpose(0, 2, 1)
    for H in reversed(steps):
        dQ += dR @ H.transpose(0, 2, 1)  # undoes Q·H
        dR = Qt @ dR  # undoes Q·H: this is dH
    return dQ
