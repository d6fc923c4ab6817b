"""Which layers a method changes: a view to begin on, layers by their names, wrapping, merging."""

from ..nn.embedding import Embedding, Head, TableLike
from ..nn.language_model import LanguageModel
from ..nn.linear import Linear, LinearLike
from ..nn.module import Module, Wrapper
from ..system.hints import counted, did_you_mean, kind_of

ALL_LINEAR = "all-linear"  # PEFT's name for every linear layer of the blocks


def begin(method, model):
    """A view of `model` with `method` recorded, in which `method` will change what learns.

    The first method freezes everything, later ones only add. What learns already gets a copy of its
    own, so training the view leaves `model` as it is.
    """
    kind = type(method)  # LoRA, QLoRA and DoRA are one kind
    if any(isinstance(m, kind) or isinstance(method, type(m)) for m in model.methods):
        name, applied = type(method).__name__, ", ".join(map(str, model.methods))
        advice = f"apply it to the base, or merge first. Applied so far: {applied}"
        raise ValueError(f"{name} was already applied to this model; {advice}")
    view = model.view()
    if not model.methods:
        view.freeze()
    for parameter in view.trainable_parameters():
        parameter.data = parameter.data.copy()
    view.methods = (*model.methods, method)
    return view


def layers_of(module, kind):
    """Yield (dotted name, layer) of every `kind` in the tree, one inside another wrapper too."""
    return ((name, layer) for name, layer in module.named_modules() if isinstance(layer, kind))


def tables_of(module):
    """{dotted name: table} of every embedding and head, wrapped or not, the outermost."""
    found = {}
    for name, part in module.named_modules():
        if isinstance(part, TableLike):
            found.setdefault(name, part)
    return found


def embedding_and_head(model):
    """{name: table} of a language model's two: the tokens' embedding, and the head."""
    two = model.unwrapped().wte, model.unwrapped().lm_head
    return {name: table for name, table in tables_of(model).items() if table in two}


def shares_table(model):
    """Whether the head reads the embedding's own numbers, with all that is wrapped around them."""
    ends = model.unwrapped().wte, model.unwrapped().lm_head
    in_8_bits = [vars(end.unwrapped()).get("table") for end in ends]
    own, theirs = ({id(p) for p in end.parameters()} for end in ends)
    return own == theirs and in_8_bits[0] is in_8_bits[1]


def ends_in(name, target):
    """Whether a dotted name ends in a target, at a dot."""
    return f".{name}".endswith(f".{target}")


def of_layer(pattern, name, usual):
    """The value of the first name in `pattern` that a layer's name ends in, or the usual one."""
    return next((value for end, value in (pattern or {}).items() if ends_in(name, end)), usual)


def matching_linears(module, targets, more=()):
    """{name: layer} of the linear layers whose dotted name ends in one of `targets`.

    `more` {name: layer} are others, that "all-linear" does not mean.
    """
    layers, found = dict(module.linears()), {}
    if targets == ALL_LINEAR:
        targets, more = tuple(layers), ()
    layers |= more
    for target in (targets,) if isinstance(targets, str) else targets:
        hits = [name for name in layers if ends_in(name, target)]
        if not hits:
            there = [end for name in layers for end in (name.split(".")[-1], kind_of(name))]
            meant = did_you_mean(target, there, near=0.85)  # q_proj is not c_proj
            names = f"the names there are: {counted(layers) or 'none'}"
            raise ValueError(f"target {target!r} matches no linear layer{meant or ';'} {names}")
        found |= {name: layers[name] for name in hits}
    if not found:
        raise ValueError(f"no targets, or no linear layers in {type(module).__name__}")
    return found


def wrap(view, targets, make):
    """Put `make(layer)` in the place of every target's layer; what learnt before still does."""
    return wrap_each(view, matching_linears(view, targets), lambda name, layer: make(layer))


def wrap_each(view, layers, make):
    """`wrap` of given {name: layer}, with `make(name, layer)`."""
    learning = view.trainable_parameters()
    for name, layer in layers.items():
        view.replace(name, make(name, layer))
    for parameter in learning:  # a wrapper freezes what it wraps, but methods only add
        parameter.trainable = True
    return view


def merge(model: Module) -> Module:
    """A view in which every wrapped linear layer or table is the dense one that it acts as.

    It is frozen, with no method recorded, so that a new one can be applied.
    """
    for module in model.modules():
        if isinstance(module, Wrapper) and not isinstance(module, LinearLike | TableLike):
            raise ValueError(f"{type(module).__name__} acts as no dense layer: it cannot be merged")
    view = model.view()
    for name, layer in view.linears():
        if type(layer) is not Linear:
            view.replace(name, layer.merge())
    tied = isinstance(view, LanguageModel) and shares_table(view)
    for name, table in tables_of(view).items():
        if isinstance(table, Wrapper):
            view.replace(name, table.merge())
    if tied and isinstance(view.wte, Embedding):
        view.lm_head = Head(view.wte.weight)
    view.freeze()
    view.methods = ()
    return view
