"""A NumPy whose own integer has 32 bits, imitated, as WebAssembly's and Windows's before NumPy 2.

    PYTHONPATH=tests python -m pytest -p helpers.small_integers tests/quant

runs any tests in it: the package's modules see a NumPy whose makers of whole numbers give int32
where nobody names a dtype. Methods of arrays (`x.argmax()`) cannot be reached, and give int64.
"""

import sys

import numpy as np
import pytest

INDICES = {"argmax", "argmin", "argpartition", "argsort", "argwhere", "bincount", "flatnonzero"}
INDICES |= {"digitize", "indices", "lexsort", "nonzero", "searchsorted", "triu_indices"}
NAMED = {"array": 1, "asarray": 1, "full": 2}  # where a dtype stands that is not written dtype=…
MAKERS = INDICES | {*NAMED, "arange", "concatenate", "cumsum", "prod", "repeat", "stack", "tile"}


class SmallIntegers:
    """NumPy, but what it makes of whole numbers has 32 bits unless somebody names a dtype."""

    def __getattr__(self, name):
        return narrowed(name) if name in MAKERS else getattr(np, name)


def narrowed(name):
    def make(*arguments, **options):
        made = getattr(np, name)(*arguments, **options)
        named = options.get("dtype") is not None or len(arguments) > NAMED.get(name, 9)
        came = name not in INDICES and any(map(wide, arguments))
        return made if named or came else narrow(made)

    return make


def wide(argument):
    """Is it an array of 64 bits, or a list that has one? Then so is what is made of it."""
    parts = argument if isinstance(argument, list | tuple) else [argument]
    return any(getattr(part, "dtype", None) == np.int64 for part in parts)


def narrow(made):
    if isinstance(made, tuple):
        return tuple(map(narrow, made))
    return made.astype(np.int32) if getattr(made, "dtype", None) == np.int64 else made


def imitate(monkeypatch):
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "lora_np" and vars(module).get("np") is np:
            monkeypatch.setattr(module, "np", SmallIntegers())


@pytest.fixture(autouse=True)
def everywhere(monkeypatch):
    imitate(monkeypatch)
