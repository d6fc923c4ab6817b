"""What settings must be."""


def check_whole(expected, value):
    """Raise ValueError, beginning with `expected`, unless `value` is a whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{expected} from 1, a whole number, got {value!r}")
