"""Do the hand-written gradients agree with the definition of a derivative?

    dL/dw = lim (L(w + h) − L(w − h)) / 2h      as h → 0

The loss is L = Σ g∘y for a fixed random g, so dL/dy = g and every number of y counts.
"""

import numpy as np

STEP = 1e-5  # in float64, truncation ~h² and rounding ~1e-16/h both stay near 1e-10


def check_gradients(module, x, *, seed=0, step=STEP, dropout=False, **options):
    """Compare each gradient with central differences, element by element.

    Returns {name: max|a − n| / max(|a|, |n|)} for every trainable parameter, and for "x" if x
    holds real numbers; a is `backward`'s gradient, n the numerical one. `options` go to forward;
    `dropout` passes it an rng, the same at every call.
    Raises: ValueError unless everything is float64.
    """
    loss, analytic, arrays = _set_up(module, x, seed, dropout, options)
    errors = {}
    for name, array in arrays.items():
        numerical = numerical_gradient(loss, array, step)
        largest = max(np.abs(analytic[name]).max(initial=0), np.abs(numerical).max(initial=0))
        gap = np.abs(analytic[name] - numerical).max(initial=0)
        errors[name] = float(gap / largest) if largest else 0.0
    return errors


def check_objective(objective, logits, batch, *, step=STEP):
    """The same for an objective: max|a − n| / max(|a|, |n|) over the numbers of dlogits.

    Raises: ValueError unless the logits are float64.
    """
    if logits.dtype != np.float64:
        raise ValueError(f"gradient checks need float64, but the logits are {logits.dtype}")
    logits = logits.copy()
    _, dlogits = objective(logits, batch)
    numerical = numerical_gradient(lambda: objective(logits, batch)[0], logits, step)
    largest = max(np.abs(dlogits).max(initial=0), np.abs(numerical).max(initial=0))
    return float(np.abs(dlogits - numerical).max(initial=0) / largest) if largest else 0.0


def check_directional(module, x, *, seed=0, step=STEP, dropout=False, **options):
    """The cheap form: two losses a tensor, along one direction v in each.

    v is the gradient's own unit direction plus a random one at a right angle to it, so ⟨a, v⟩ is
    ‖a‖: a wrong size shows along the first part, a wrong direction along the second.
    Returns {name: |⟨a, v⟩ − n| / max(|⟨a, v⟩|, |n|)}.
    Raises: ValueError unless everything is float64.
    """
    loss, analytic, arrays = _set_up(module, x, seed, dropout, options)
    rng = np.random.default_rng(seed + 1)
    errors = {}
    for name, array in arrays.items():
        v, unit = rng.standard_normal(array.shape), analytic[name]
        if np.any(unit):
            unit = unit / np.linalg.norm(unit)
            v += (1 - (v * unit).sum()) * unit
        kept = array.copy()
        array[...] = kept + step * v
        above = loss()
        array[...] = kept - step * v
        below = loss()
        array[...] = kept
        a, n = float((analytic[name] * v).sum()), (above - below) / (2 * step)
        largest = max(abs(a), abs(n))
        errors[name] = abs(a - n) / largest if largest else 0.0
    return errors


def numerical_gradient(loss, array, step=STEP):
    """Central differences of `loss()` by each number of `array`, which it restores exactly."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = loss()
        array[index] = kept - step
        below = loss()
        array[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient


def _set_up(module, x, seed, dropout, options):
    """The loss as a function of nothing, backward's gradients, and the arrays to vary."""
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
    analytic = {
        name: np.zeros_like(p.data) if p.grad is None else p.grad for name, p in learns.items()
    }
    if real:
        arrays["x"], analytic["x"] = x, dx
    return (lambda: float((forward()[0] * g).sum())), analytic, arrays
