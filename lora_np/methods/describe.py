"""A method in words: what a report, a saved state and an error call it."""

import dataclasses

import numpy as np


def describe(method):
    """Its name and settings, for people and for JSON: "LoRA(rank=8, alpha=16.0, …)".

    NumPy's numbers are written as Python's: who resumes with the one has begun with the other.
    """
    names = [f.name for f in dataclasses.fields(method)] if dataclasses.is_dataclass(method) else []
    values = ((name, getattr(method, name)) for name in names)
    settings = ((name, v.item() if isinstance(v, np.generic) else v) for name, v in values)
    shown = (f"{k}={getattr(v, '__name__', None) or repr(v)}" for k, v in settings)
    return f"{type(method).__name__}({', '.join(shown)})"
