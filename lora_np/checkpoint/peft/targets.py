"""Which of `target_modules` this model has: PEFT asks only that one of them matches."""

from ...methods.targets import ALL_LINEAR
from .names import DEFAULT_TARGETS, body_prefix


def as_listed(targets):
    """A method's targets for JSON: a list of names, or "all-linear"."""
    if targets == ALL_LINEAR:
        return targets
    return [targets] if isinstance(targets, str) else list(targets)


def named(config, shapes, model, end):
    """The targets that a config asks for, as a method takes them.

    Where `target_modules` is a pattern, or leaves out some layers, the layers are those that the
    file has a tensor for whose name ends in `end`.
    """
    targets = config.get("target_modules") or list(DEFAULT_TARGETS[type(model.config)])
    pattern = isinstance(targets, str) and targets != ALL_LINEAR
    if pattern or config.get("layers_to_transform") or config.get("exclude_modules"):
        targets = [name.removesuffix(end) for name in shapes if name.endswith(end)]
    return targets if targets == ALL_LINEAR else there(targets, model)


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
