"""Every method's form: the file here that has the name of the method's own, or of its parent's.

    config(method)                      its part of adapter_config.json
    method_from(config, shapes, model)  the method that a config describes, or None
    arrays(model)                       {PEFT's name: array}, transposed where PEFT's are
    IGNORES, if any                     settings that change nothing in what an adapter computes

The arrays are views of the parameters: to save is to read them, to load is to write to them.
`shapes` are the file's own, {our name: shape}.
"""

from importlib import import_module
from importlib.util import find_spec

from ...methods import METHODS
from . import brought


def _forms():
    for kind in map(type, METHODS):
        file = f"{__package__}.{kind.__module__.rpartition('.')[2]}"
        if find_spec(file):
            yield kind, import_module(file)


FORMS = {brought.BroughtTables: brought, **dict(_forms())}  # in the order of loading


def form_of(method):
    """None for a method whose numbers are the model's own (full fine-tuning)."""
    return next((FORMS[kind] for kind in type(method).__mro__ if kind in FORMS), None)


def arrays(model, methods=None):
    """{PEFT's name: array} of what `methods`, or else all of the model's, train: views."""
    result = {}
    for method in model.methods if methods is None else methods:
        form = form_of(method)
        result |= form.arrays(model) if form else {}
    return result
