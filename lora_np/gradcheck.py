"""Do the hand-written gradients agree with the definition of a derivative?

    dL/dw = lim (L(w + h) − L(w − h)) / 2h      as h → 0

The loss is L = Σ g∘y for a fixed random g, so dL/dy = g and every number of y counts.
"""

from collections.abc import Callable

import numpy as np

from .nn.module import Module
from .system.checks import check_real, check_whole

STEP = 1e-5  # in float64, truncation ~h² and rounding ~1e-16/h both stay near 1e-10


def check_gradients(
    module: Module, x: np.ndarray, *, seed: int = 0, step: float = STEP, dropout: bool = False,
    **options,
) -> dict[str, float]:  # fmt: skip
    """Compare each gradient with central differences, element by element.

    Returns {name: max|a − n| / max(|a|, |n|)} for every trainable parameter, and for "x" if x
    holds real numbers; a is `backward`'s gradient, n the numerical one. `options` go to forward;
    `dropout` passes it an rng, the same at every call.
    Raises: ValueError unless everything is float64.
    """
    loss, analytic, arrays = _set_up(module, x, seed, dropout, options)
    numerical = {name: numerical_gradient(loss, array, step) for name, array in arrays.items()}
    return {name: _error(analytic[name], numerical[name]) for name in arrays}


def check_objective(objective: Callable, logits: np.ndarray, batch, *, step: float = STEP) -> float:
    """The same for an objective: max|a − n| / max(|a|, |n|) over the numbers of dlogits."""
    if logits.dtype != np.float64:
        raise ValueError(f"gradient checks need float64, but the logits are {logits.dtype}")
    logits = logits.copy()
    _, dlogits = objective(logits, batch)
    return _error(dlogits, numerical_gradient(lambda: objective(logits, batch)[0], logits, step))


def check_directional(
    module: Module, x: np.ndarray, *, seed: int = 0, step: float = STEP, dropout: bool = False,
    **options,
) -> dict[str, float]:  # fmt: skip
    """The cheap form: two losses a tensor, along one direction v in each.

    v is the gradient's own unit direction plus a random one at a right angle to it, so ⟨a, v⟩ is
    ‖a‖: a wrong size shows along the first part, a wrong direction along the second.
    Returns {name: |⟨a, v⟩ − n| / max(|⟨a, v⟩|, |n|)}.
    """
    check_real("expected a step", step)
    loss, analytic, arrays = _set_up(module, x, seed, dropout, options)
    rng = np.random.default_rng(seed + 1)
    errors = {}
    for name, array in arrays.items():
        v, unit = rng.standard_normal(array.shape), analytic[name]
        if np.any(unit):
            unit = unit / np.linalg.norm(unit)
            v += (1 - (v * unit).sum()) * unit
        a = (analytic[name] * v).sum()
        errors[name] = _error(a, _slope(loss, array, ..., v, step))
    return errors


def numerical_gradient(loss: Callable, array: np.ndarray, step: float = STEP) -> np.ndarray:
    """Central differences of `loss()` by each number of `array`, which it restores exactly."""
    check_real("expected a step", step)
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        gradient[index] = _slope(loss, array, index, 1.0, step)
    return gradient


def _slope(loss, array, index, v, step):
    """The central difference of `loss()` as array[index] moves along v."""
    kept = array[index].copy()
    array[index] = kept + step * v
    above = loss()
    array[index] = kept - step * v
    below = loss()
    array[index] = kept
    return (above - below) / (2 * step)


def _error(a, n):
    largest = max(np.max(np.abs(a), initial=0), np.max(np.abs(n), initial=0))
    return float(np.max(np.abs(a - n), initial=0) / largest) if largest else 0.0


def _set_up(module, x, seed, dropout, options):
    """The loss as a function of nothing, backward's gradients, and the arrays to vary."""
    check_whole("expected a seed", seed, 0)
    module = module.view()
    learns = {name: p for name, p in module.named_parameters() if p.trainable}
    for name, parameter in module.named_parameters():
        if parameter.dtype != np.float64:
            raise ValueError(
                f"gradient checks need float64, but {name} is {parameter.dtype}; "
                "use check_gradients(module.astype(np.float64), …)"
            )
    for parameter in learns.values():
        parameter.data = parameter.data.copy()  # varied here, never in the caller's module
    x = np.array(x)  # a copy, for the same reason
    real = np.issubdtype(x.dtype, np.floating)
    if real and x.dtype != np.float64:
        raise ValueError(f"gradient checks need float64, but x is {x.dtype}")

    def forward():
        rng = np.random.default_rng(seed) if dropout else None
        return module.forward(x, rng=rng, **options)

    y, cache = forward()
    g = np.random.default_rng(seed).standard_normal(y.shape)
    dx = module.backward(g.copy(), cache)
    arrays = {name: p.data for name, p in learns.items()}
    analytic = {n: np.zeros_like(p.data) if p.grad is None else p.grad for n, p in learns.items()}
    if real:
        arrays["x"], analytic["x"] = x, dx
    return (lambda: float((forward()[0] * g).sum())), analytic, arrays
