"""BitFit: every bias, which PEFT's setting `bias` "all" says for any method (beside.py)."""

from ...methods import BitFit


def config(method):
    return {}


def method_from(config, shapes, model):
    return BitFit() if config.get("bias") == "all" else None


def arrays(model):
    return {}
