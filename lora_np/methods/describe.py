"""A method in words: what a report, a saved state and an error call it."""

import dataclasses


def describe(method):
    """Its name and settings, for people and for JSON: "LoRA(rank=8, alpha=16.0, …)"."""
    names = [f.name for f in dataclasses.fields(method)] if dataclasses.is_dataclass(method) else []
    settings = ((name, getattr(method, name)) for name in names)
    shown = (f"{k}={getattr(v, '__name__', None) or repr(v)}" for k, v in settings)
    return f"{type(method).__name__}({', '.join(shown)})"
