"""What settings must be: an error says which one it is, what was expected and what came."""

import contextlib
from dataclasses import fields
from numbers import Integral, Real

LARGEST, LEAST = 3.4028234663852886e38, 1.4e-45  # of float32, which a setting meets in use
REAL = {  # what a real setting may be, in words
    "": lambda value: True,
    "from 0": lambda value: value >= 0,
    "above 0": lambda value: value >= LEAST,
    "from 0 to 1": lambda value: 0 <= value <= 1,
    "from 0 to below 1": lambda value: 0 <= value < 1,
    "above 0, up to 1": lambda value: 0 < value <= 1,
    "above 0 and below 1": lambda value: 0 < value < 1,
}


@contextlib.contextmanager
def said_of(place):
    """A ValueError of the block begins with `place`, the file or the setting that it is about."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def is_number(value):
    """Whether it is an int or a float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_whole(expected, value, least=1):
    """Raise ValueError, which begins with `expected`, unless `value` is whole, from `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{expected} from {least}, a whole number, got {value!r}")


def check_real(expected, value, which="above 0"):
    """Raise ValueError, beginning with `expected`, unless `value` is what REAL says under `which`.

    True is no number, and neither is what float32 has not: a nan, 1e39, or 1e-46 as above 0.
    """
    fine = isinstance(value, Real) and not isinstance(value, bool)
    if not (fine and abs(value) <= LARGEST and REAL[which](value)):
        bounded = "to" in which or "below" in which
        words = [f"{expected} {which}".rstrip(), *([] if bounded else ["finite in float32"])]
        raise ValueError(f"{', '.join(words)}, got {value!r}")


def check_fields(settings, real="above 0", **limits):
    """`check_whole` or `check_real` each number of a dataclass, by its type.

    `limits` {name: least, or which of REAL} are of those that may be other than from 1, or `real`.
    None passes where the type has it. A whole number of NumPy's becomes Python's, for a product of
    np.int32 overflows.
    """
    for field in fields(settings):
        value, kind = getattr(settings, field.name), field.type
        expected = f"{type(settings).__name__}: expected {field.name}"
        if value is None and kind in (int | None, float | None):
            continue
        if kind in (int, int | None):
            check_whole(expected, value, limits.get(field.name, 1))
            object.__setattr__(settings, field.name, int(value))
        elif kind in (float, float | None):
            check_real(expected, value, limits.get(field.name, real))
