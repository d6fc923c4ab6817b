"""Every method's form: its row in `layer_forms.py`, where it wraps layers and does no more, or else
the file here that has the name of the method's own, or of its parent's. In that:

    config(method)                      its part of adapter_config.json
    method_from(config, shapes, model)  the method that a config describes, or None
    arrays(model)                       {PEFT's name: array}, transposed where PEFT's are
    IGNORES, if any                     settings that change nothing in what an adapter computes
    as_saved(model), if any             the view that the file describes
    check(model), if any                raise ValueError for whole numbers that cannot be

The arrays are views of the parameters: to save is to read them, to load is to write to them.
`shapes` are the file's own, {our name: shape}.
"""

from importlib import import_module
from importlib.util import find_spec

from ...methods import METHODS
from . import brought
from .layer_forms import LAYER_FORMS


def _forms():
    for kind in map(type, METHODS):
        file = f"{__package__}.{kind.__module__.rpartition('.')[2]}"
        if kind in LAYER_FORMS:
            yield kind, LAYER_FORMS[kind]
        elif find_spec(file):
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
