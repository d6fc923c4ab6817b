"""Which of `target_modules` this model has: PEFT asks only that one of them matches."""

from .names import body_prefix


def there(targets, model):
    """The targets, each once, that a linear layer's name ends in, without what PEFT's model has
    before it.

    Raises: ValueError for what is no list of names, or if no layer matches any.
    """
    if not isinstance(targets, list) or not all(isinstance(name, str) for name in targets):
        raise ValueError(f"expected target_modules to be a list of names, got {targets!r}")
    layers = [name for name, _ in model.linears()]
    short = dict.fromkeys(target.removeprefix(body_prefix(model)) for target in targets)
    found = tuple(t for t in short if any(f".{name}".endswith(f".{t}") for name in layers))
    if targets and not found:
        names = dict.fromkeys(name.split(".", 2)[-1] for name in layers)  # without h.3.
        raise ValueError(
            f"target {', '.join(map(repr, targets))} matches no linear layer; the names there are: "
            f"{', '.join(names)}"
        )
    return found
