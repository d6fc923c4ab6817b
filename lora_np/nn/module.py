"""Parameter and Module: the protocol that everything else follows.

    y, cache = module.forward(x)        the cache is a value, never hidden in self
    dx       = module.backward(dy, cache)

The cache is explicit so that two forwards may come before a backward, threads do not
collide, and what training keeps in memory can be counted.
"""

import copy

import numpy as np


class Parameter:
    """An array that may learn: `data`, its gradient `grad`, and whether it is `trainable`.

    A frozen parameter's `grad` stays None. `data` is only ever written in place, by optimizers,
    so that views (`Module.view`) can share it.

    Raises: ValueError if `data` is not a float32 or float64 array.
    """

    __slots__ = ("data", "grad", "trainable")

    def __init__(self, data, trainable=True):
        data = np.asarray(data)
        if data.dtype not in (np.float32, np.float64):
            raise ValueError(f"Parameter: expected a float32 or float64 array, got {data.dtype}")
        self.data, self.grad, self.trainable = data, None, trainable

    def accumulate(self, grad):
        """grad += the gradient of one backward pass; a frozen parameter must not be asked."""
        assert self.trainable, "a frozen parameter's gradient is never formed"
        if grad.shape != self.data.shape:
            raise ValueError(f"gradient: expected shape {self.data.shape}, got {grad.shape}")
        if self.grad is None:
            self.grad = grad
        else:
            self.grad += grad

    def train(self):
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
    `backward(dy, cache) -> dx`, which also accumulates the gradients of what trains.
    Dropout runs only where an `rng` is passed, so there is no train or eval mode.
    """

    methods = ()  # the fine-tuning methods applied so far, oldest first

    def __call__(self, x, **options):
        """The output alone: forward without its cache."""
        return self.forward(x, **options)[0]

    def children(self):
        """Yield (dotted name, container, key) for every module directly below this one.

        `container[key]` is the child, and `container[key] = wrapper` replaces it. A child called
        `base` is transparent: it adds nothing to the name, so what it holds keeps its name.
        """
        for key, value in list(vars(self).items()):
            if isinstance(value, Module):
                yield "" if key == "base" else key, vars(self), key
            elif isinstance(value, list):
                for i, item in enumerate(value):
                    if isinstance(item, Module):
                        yield f"{key}.{i}", value, i

    def modules(self):
        """Yield this module and every one below it, outermost first."""
        yield self
        for _, container, key in self.children():
            yield from container[key].modules()

    def named_parameters(self):
        """Yield (dotted name, Parameter), each once even where two places share it (tied)."""
        seen = set()
        for name, parameter in self._walk(""):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def _walk(self, prefix):
        for key, value in vars(self).items():
            if isinstance(value, Parameter):
                yield prefix + key, value
        for name, container, key in self.children():
            yield from container[key]._walk(prefix + name + "." if name else prefix)

    def parameters(self):
        """Every Parameter once, in the order of `named_parameters`."""
        return [parameter for _, parameter in self.named_parameters()]

    def trainable_parameters(self):
        """What learns: the list to hand to an optimizer."""
        return [parameter for parameter in self.parameters() if parameter.trainable]

    def trains(self):
        """Whether anything in this tree learns; backward stops below the lowest such module."""
        return any(parameter.trainable for _, parameter in self._walk(""))

    def freeze(self):
        """Let nothing here learn. Returns self."""
        for parameter in self.parameters():
            parameter.trainable, parameter.grad = False, None
        return self

    def view(self):
        """The same tree with the same arrays: parameters share `data` and own `grad`.

        A view is a reference model, a teacher, a thread's replica, or the start of a fine-tune:
        a method trains a copy of what it trains, and never writes to the model that it came from.
        """
        return copy.deepcopy(self)

    def astype(self, dtype):
        """A copy of this module with every parameter in `dtype` (float64 for gradient checks)."""
        result = self.view()
        for parameter in result.parameters():
            parameter.data = parameter.data.astype(dtype)
        modules = [result]
        for module in modules:
            if "dtype" in vars(module):  # a layer whose weight is no Parameter says it itself
                module.dtype = np.dtype(dtype)
            modules += [container[key] for _, container, key in module.children()]
        return result

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
        raise AttributeError(
            f"{type(self).__name__} has no attribute {name!r}; it has: {', '.join(vars(self))}"
        )
