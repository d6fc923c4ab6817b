"""What every method's `apply` begins with."""

from ..nn.layers import Linear, LinearLike

ALL_LINEAR = "all-linear"  # PEFT's name for every linear layer of the blocks


def begin(method, model):
    """A view of `model` with `method` recorded, for `method` to wrap parts of and mark trainable.

    The first method freezes everything, later ones only add to what learns. What learns already
    gets a copy of its own here, so training the view leaves `model` as it is.
    Raises: ValueError if a method of this kind was applied before.
    """
    kind = type(method)  # LoRA, QLoRA and DoRA are one kind
    if any(isinstance(m, kind) or isinstance(method, type(m)) for m in model.methods):
        raise ValueError(
            f"{type(method).__name__} was already applied to this model; apply it to the base, "
            f"or merge first. Applied so far: {', '.join(map(str, model.methods))}"
        )
    view = model.view()
    if not model.methods:
        view.freeze()
    for parameter in view.trainable_parameters():
        parameter.data = parameter.data.copy()
    view.methods = (*model.methods, method)
    return view


def linear_slots(module, prefix=""):
    """Yield (dotted name, container, key) of every linear layer, wrapped or not, outermost."""
    for name, container, key in module.children():
        full = prefix + name
        if isinstance(container[key], LinearLike):
            yield full, container, key
        else:
            yield from linear_slots(container[key], full + "." if name else prefix)


def layers_of(module, kind, prefix=""):
    """Yield (dotted name, layer) of every `kind` in the tree, one inside another wrapper too."""
    for name, container, key in module.children():
        full, child = prefix + name, container[key]
        if isinstance(child, kind):
            yield full.removesuffix("."), child
        yield from layers_of(child, kind, full + "." if name else prefix)


def matching_slots(module, targets):
    """The linear layers whose dotted name ends in one of `targets` (`c_attn`, `attn.c_proj`, …).

    Raises: ValueError for a target that matches nothing, listing the names there are.
    """
    slots = list(linear_slots(module))
    if targets == ALL_LINEAR:
        targets = tuple(name for name, _, _ in slots)
    targets = (targets,) if isinstance(targets, str) else tuple(targets)
    found = []
    for target in targets:
        hits = [slot for slot in slots if ("." + slot[0]).endswith("." + target)]
        if not hits:
            names = ", ".join(name for name, _, _ in slots) or "none"
            raise ValueError(
                f"target {target!r} matches no linear layer; the names there are: {names}"
            )
        found += [slot for slot in hits if slot not in found]
    if not found:
        raise ValueError(f"no targets, or no linear layers in {type(module).__name__}")
    return found


def wrap(view, targets, make):
    """Put `make(layer)` in the place of every target's layer; what learnt before still does."""
    learning = view.trainable_parameters()
    for _, container, key in matching_slots(view, targets):
        container[key] = make(container[key])
    for parameter in learning:  # a wrapper freezes what it wraps, but methods only add
        parameter.trainable = True
    return view


def merge(model):
    """A view in which every wrapped linear layer is the dense Linear that it acts as.

    Frozen, and with no method recorded, so that a new one can be applied. Layers that were plain
    already keep sharing their arrays.
    Raises: ValueError for a model with parts that no dense layer can equal (an adapter's
    bottleneck, a prompt).
    """
    for module in model.modules():
        if "base" in vars(module) and not isinstance(module, LinearLike):
            raise ValueError(f"{type(module).__name__} acts as no dense layer: it cannot be merged")
    view = model.view()
    for _, container, key in linear_slots(view):
        if type(container[key]) is not Linear:
            container[key] = container[key].merge()
    view.freeze()
    view.methods = ()
    return view
