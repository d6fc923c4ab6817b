"""GPTQ: round one input's weights at a time, and let the inputs not yet rounded make up for it.

(Frantar et al. 2022, arXiv 2210.17323, algorithm 1.) A row w of Wᵀ is rounded to ŵ so that
d H dᵀ is small, d = w − ŵ, H = Σ x xᵀ. Fix d₁ = w₁ − ŵ₁, the error of the first weight, and choose
the others' to minimise: with H in blocks, H₁₁ d₁² + 2 d₁ H₁ᵣ dᵣᵀ + dᵣ Hᵣᵣ dᵣᵀ is least at

    dᵣ = −d₁ H₁ᵣ Hᵣᵣ⁻¹ = d₁ · (H⁻¹)₁ᵣ / (H⁻¹)₁₁          wᵣ ← wᵣ − dᵣ

(the second form is the block inverse of H). Then the first weight is done, and the same holds for
those left, with the inverse of what is left of H. With H⁻¹ = UᵀU, U upper triangular (Cholesky),
row j of U holds what step j needs: (H⁻¹)ⱼᵣ / (H⁻¹)ⱼⱼ of what is left is Uⱼᵣ / Uⱼⱼ.
Each block's scales are read off when its turn comes, from weights that made up for those before.
"""

import numpy as np

from ..system.checks import check_real
from .format import flat_floats


def gptq(Wt, hessian, format, damp: float = 0.01):
    """Wᵀ (out, in) in `format`, rounded to lose little on the inputs whose H (in, in) is given.

    H's diagonal grows by `damp` times its mean, so that it has an inverse. The loss on those inputs
    is mostly, and not always, below that of rounding to the nearest.
    Raises: ValueError unless whole blocks of the format make up a row.
    """
    form = format.bound_to(flat_floats(Wt, "gptq"))
    (out, n_in), block, group = Wt.shape, form.block_size, form.group
    if n_in % block:
        raise ValueError(
            f"gptq: expected rows of whole blocks of {block} ({type(form).__name__}), got rows of "
            f"{n_in}; take smaller blocks, or round to the nearest"
        )
    U = inverse_factor(hessian, damp)
    W, codes, hows = Wt.astype(np.float64), [], []
    for start in range(0, n_in, block):
        stop = start + block
        shape = out, form.groups, group
        how = form.rounded(form.fit(W[:, start:stop].astype(np.float32).reshape(shape)))
        errors = np.empty((out, block))  # each weight's, over its U_jj
        for j in range(block):
            at = start + j
            mine = [part[:, j // group, None] for part in how]  # (out, 1, 1) each
            code = form.encode(W[:, at].astype(np.float32)[:, None, None], *mine)
            rounded = form.decode(form.values(code), *mine)[:, 0, 0]
            codes.append(code[:, 0, 0])
            errors[:, j] = (W[:, at] - rounded) / U[at, at]
            W[:, at + 1 : stop] -= np.outer(errors[:, j], U[at, at + 1 : stop])
        W[:, stop:] -= errors @ U[start:stop, stop:]  # the same for all later blocks, at once
        hows.append(how)
    whole = [np.stack(parts, axis=1).reshape(-1, form.groups, 1) for parts in zip(*hows)]
    in_blocks = np.stack(codes, axis=1).reshape(-1, form.groups, group)
    return form.tensor(in_blocks, form.kept(whole), Wt.shape)


def inverse_factor(hessian, damp):
    """U, upper triangular, with UᵀU = (H + damp · mean of its diagonal · I)⁻¹."""
    check_real("gptq: expected damp", damp)
    H = hessian.astype(np.float64)
    H[np.diag_indices_from(H)] += damp * np.diag(H).mean() or 1.0
    return np.linalg.cholesky(np.linalg.inv(H)).T
