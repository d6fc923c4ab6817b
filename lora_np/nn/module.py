"""Parameter and Module: the protocol that everything else follows.

    y, cache = module.forward(x)        the cache is a value, never hidden in self
    dx       = module.backward(dy, cache)

So two forwards may come before a backward, threads do not collide, and what training keeps in
memory can be counted.
"""

import copy
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

M = TypeVar("M", bound="Module")


class Parameter:
    """An array that may learn: `data`, its gradient `grad`, and whether it is `trainable`.

    A frozen parameter's `grad` stays None. `data` is only ever written in place, by optimizers,
    so that views (`Module.view`) can share it.
    """

    __slots__ = ("data", "grad", "trainable")

    def __init__(self, data: ArrayLike, trainable: bool = True):
        data = np.asarray(data)
        if data.dtype not in (np.float32, np.float64):
            raise ValueError(f"Parameter: expected a float32 or float64 array, got {data.dtype}")
        self.data, self.trainable = data, trainable
        self.grad: np.ndarray | None = None

    @classmethod
    def of(cls, value, trainable=True):
        """`value`, made a Parameter unless it is one, so that two layers can share it."""
        return value if isinstance(value, Parameter) else cls(value, trainable)

    def accumulate(self, grad: np.ndarray) -> None:
        """grad += the gradient of one backward pass; a frozen parameter must not be asked."""
        assert self.trainable, "a frozen parameter's gradient is never formed"
        if grad.shape != self.data.shape:
            raise ValueError(f"gradient: expected shape {self.data.shape}, got {grad.shape}")
        if self.grad is None:
            self.grad = grad
        else:
            self.grad += grad

    def train(self) -> None:
        """Make it learn, on a copy of its own: whoever shared the old array keeps it as it was."""
        if not self.trainable:
            self.data, self.trainable = self.data.copy(), True

    shape = property(lambda self: self.data.shape)
    size = property(lambda self: self.data.size)
    dtype = property(lambda self: self.data.dtype)
    nbytes = property(lambda self: self.data.nbytes)

    def __deepcopy__(self, memo):
        """The heart of `Module.view`: the copy shares `data` and has a `grad` of its own."""
        return Parameter(self.data, self.trainable)

    def __repr__(self):
        state = "trainable" if self.trainable else "frozen"
        return f"Parameter({self.shape}, {self.dtype}, {state})"


class Module:
    """A node in a tree of modules; its attributes are Parameters, Modules and lists of Modules.

    Subclasses write `forward(x, *, rng=None) -> (y, cache)` and, directly below it,
    `backward(dy, cache) -> dx`, which also accumulates the gradients of what trains; dx is None
    where `below_trains` is False: nothing below needs it.
    Dropout runs only where an `rng` is passed, so there is no train or eval mode.
    """

    methods = ()  # the fine-tuning methods applied so far, oldest first

    def __call__(self, x, **options):
        """The output alone: forward without its cache."""
        return self.forward(x, **options)[0]

    def recall(self, x, **options):
        """The cache that `forward` makes, where y is not needed: y's own part may be left out."""
        return self.forward(x, **options)[1]

    def __init_subclass__(cls):
        if "forward" in vars(cls) and "recall" not in vars(cls):  # an inherited one is another's
            cls.recall = Module.recall

    def __repr__(self):
        sizes = [p.size for p in self.parameters()], [p.size for p in self.trainable_parameters()]
        counts = "{:,} numbers, {:,} of them learn".format(*map(sum, sizes))
        return f"{type(self.unwrapped()).__name__}({self.shown()}{counts})"

    def shown(self):
        """What `repr` says before the counts."""
        return ""

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """Yield (name, module) for each module directly below this one; in a list, `name.index`."""
        for key, value in list(vars(self).items()):
            if isinstance(value, Module):
                yield key, value
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    if isinstance(item, Module):
                        yield f"{key}.{i}", item

    def named_modules(self, name: str = "") -> Iterator[tuple[str, "Module"]]:
        """Yield (dotted name, module): this module, and every one below it, outermost first."""
        yield name, self
        for key, child in self.children():
            yield from child.named_modules(dotted(name, key))

    def modules(self) -> Iterator["Module"]:
        yield self
        for _, child in self.children():
            yield from child.modules()

    def linears(self, name: str = "") -> Iterator[tuple[str, "Module"]]:
        """Yield (dotted name, layer) of every linear layer, wrapped or not, outermost."""
        for key, child in self.children():
            yield from child.linears(dotted(name, key))

    def replace(self, name: str, module: "Module") -> None:
        """Put `module` in the place of the one with that dotted name, the outermost of them."""
        if not (name and self._replace(name, module)):
            raise ValueError(f"{type(self).__name__}: there is no module {name!r} to replace")

    def _replace(self, name, module):
        for key, child in self.children():
            if key == name:
                attribute, _, index = key.partition(".")
                if index:
                    vars(self)[attribute][int(index)] = module
                else:
                    setattr(self, attribute, module)
                return True
            rest = name.removeprefix(key + ".") if key else name
            if (rest != name or not key) and child._replace(rest, module):
                return True
        return False

    def unwrapped(self):
        """What the wrappers stand on: here, where there are none, the module itself."""
        return self

    def rebase(self, module):
        """The wrappers on `module` instead of what they stood on: here, `module` alone."""
        return module

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield (dotted name, Parameter), each once even where two places share it (tied)."""
        seen = set()
        for name, module in self.named_modules():
            for key, value in vars(module).items():
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield dotted(name, key), value

    def parameters(self) -> list[Parameter]:
        """Those of `named_parameters`, in half of the time: every step asks for them."""
        values = (value for module in self.modules() for value in vars(module).values())
        return list(dict.fromkeys(value for value in values if isinstance(value, Parameter)))

    def trainable_parameters(self) -> list[Parameter]:
        """What learns: the list to hand to an optimizer."""
        return [parameter for parameter in self.parameters() if parameter.trainable]

    def trains(self) -> bool:
        """Whether anything in this tree learns; backward stops below the lowest such module."""
        own = (value for value in vars(self).values() if isinstance(value, Parameter))
        if any(parameter.trainable for parameter in own):
            return True
        return any(child.trains() for _, child in self.children())

    def freeze(self: M) -> M:
        """Let nothing here learn. Returns self."""
        for parameter in self.parameters():
            parameter.trainable, parameter.grad = False, None
        return self

    def view(self: M) -> M:
        """The same tree with the same arrays: parameters share `data` and own `grad`.

        For a reference model, a teacher, a thread's replica, or the start of a fine-tune.
        """
        return copy.deepcopy(self)

    def __deepcopy__(self, memo):
        """As by default, in half of the time: a view is made for every batch."""
        twin = memo[id(self)] = object.__new__(type(self))
        vars(twin).update((name, copy.deepcopy(value, memo)) for name, value in vars(self).items())
        return twin

    def astype(self: M, dtype: DTypeLike) -> M:
        """A copy of this module with every parameter in `dtype` (float64 for gradient checks)."""
        result = self.view()
        for parameter in result.parameters():
            parameter.data = parameter.data.astype(dtype)
        for module in result.modules():
            module.set_dtype(np.dtype(dtype))
        return result

    def set_dtype(self, dtype):
        """For a layer whose weight is no Parameter: compute in `dtype` from now on."""

    def __setattr__(self, name, value):
        old = vars(self).get(name)
        if isinstance(old, Parameter) and not isinstance(value, Parameter):
            raise ValueError(
                f"{type(self).__name__}.{name}: expected a Parameter of shape {old.shape}, "
                f"got {type(value).__name__}; to overwrite its numbers, write {name}.data[...] = …"
            )
        super().__setattr__(name, value)

    def __getattr__(self, name):
        if name.startswith("__"):  # copy and pickle probe for these
            raise AttributeError(name)
        names = ", ".join(vars(self))
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}; it has: {names}")


class Wrapper(Module):
    """A module in another's place; that one is its `base`, and what is in it keeps its name."""

    def children(self):
        for key, child in super().children():
            yield "" if key == "base" else key, child

    def unwrapped(self):
        return self.base.unwrapped()

    def rebase(self, module):
        self.base = self.base.rebase(module)
        return self


def dotted(*names):
    """The names that are not empty, joined by dots."""
    return ".".join(filter(None, names))
