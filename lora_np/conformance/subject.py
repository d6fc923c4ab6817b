"""A subject: somebody's LoRA as a few plain functions on arrays; and what laws ask of it."""

import inspect
import warnings
from types import SimpleNamespace

import numpy as np

from .drawn import tenths
from .law import Broken, NotApplicable

FUNCTIONS = """make forward factors set_factors gradients train train_forward weight merge unmerge
    combine save load make_qkv quantize dequantize nbytes cross_entropy accumulate dpo ppo
    distillation""".split()
GIVE_LAYERS = ("make", "make_qkv", "combine", "load", "quantize")
FROM_ARRAYS = ("make", "make_qkv", "quantize", *FUNCTIONS[FUNCTIONS.index("cross_entropy") :])
TOLERANCE = 1e-5  # relative; float32 rounds to 6e-8, and a mistake is rarely below 1e-2


class Subject:
    """A module, class, object or dict of functions; each call is given copies of its arrays.

    Raises: ValueError for what has none of FUNCTIONS.
    """

    def __init__(self, thing):
        thing = SimpleNamespace(**thing) if isinstance(thing, dict) else thing
        self.thing = thing
        self.name = getattr(thing, "name", None) or getattr(thing, "__name__", type(thing).__name__)
        self.method = getattr(thing, "method", "lora")
        self.tolerance = getattr(thing, "tolerance", TOLERANCE)
        self.differs = dict(getattr(thing, "differs", {}))
        self.has = [name for name in FUNCTIONS if callable(getattr(thing, name, None))]
        if not self.has:
            known = ", ".join(FUNCTIONS)
            raise ValueError(f"{self.name} has none of a subject's functions: {known}")

    def lacks(self, law):
        """The names of what the law needs and this subject has not."""
        missing = [name for name in law.needs if not getattr(self.thing, name, None)]
        if law.methods and self.method not in law.methods:
            missing.insert(0, f"method {' or '.join(law.methods)}")
        if law.settings and "make" in self.has:
            takes = inspect.signature(self.thing.make).parameters
            missing += [f"make(…, {name}=)" for name in law.settings if name not in takes]
        return missing

    def __getattr__(self, name):
        """A function of the thing's: given copies of arrays, and what it gives made float64.

        A layer is the thing's own affair, whatever it is: handed on as it came.
        """
        if name not in FUNCTIONS:
            raise AttributeError(name)
        function = getattr(self.thing, name, None)
        if function is None:
            raise NotApplicable(name)

        def call(*args, **settings):
            if name not in FROM_ARRAYS:
                layer, *args = args
            args = [copied(value) for value in args]
            settings = {key: copied(value) for key, value in settings.items()}
            if name not in FROM_ARRAYS:
                args.insert(0, layer)
            result = function(*args, **settings)
            return result if name in GIVE_LAYERS else numbers(result)

        return call

    # What several laws ask.

    def scale(self, alpha, rank):
        """α/r, or rsLoRA's α/√r."""
        return alpha / (np.sqrt(rank) if self.method == "rslora" else rank)

    def moved(self, W, A, B, alpha, **settings):
        """A layer away from its start: with these factors, and any others moved a little."""
        return self.move(self.make(W, A.shape[1], alpha, **settings), A, B)

    def move(self, layer, A, B):
        own = self.factors(layer) if "factors" in self.has else {"A": A, "B": B}
        given = {"A": A, "B": B}
        moved = {
            name: given[name] if name in given else start + 0.1 * tenths([7, i], *np.shape(start))
            for i, (name, start) in enumerate(own.items())
        }
        self.set_factors(layer, **moved)
        return layer

    def base(self, layer, W):
        """The frozen weight as the layer holds it: W, but where it is quantized."""
        return self.weight(layer) if "weight" in self.has else W

    def branch(self, layer, x, W):
        """What the adapter adds to xW."""
        return self.forward(layer, x) - x @ self.base(layer, W)

    def gradient(self, layer, x, dy, name):
        """One of `gradients`. Raises: NotApplicable where it is not told."""
        gradients = self.gradients(layer, x, dy)
        if name not in gradients:
            raise NotApplicable(f'gradients(…)["{name}"]')
        return gradients[name]

    def same(self, what, got, expected, guesses=None, tolerance=None):
        """Raises: Broken unless `got` is `expected`, to `tolerance` of its largest number.

        `guesses` {sentence: value} are what a known mistake would have given.
        """
        expected, tolerance = np.asarray(expected, float), tolerance or self.tolerance
        try:
            got = np.asarray(got, float)
        except (TypeError, ValueError):
            raise Broken(what, got, expected, "what came is no array of numbers") from None
        if got.shape != expected.shape:
            raise Broken(f"the shape of {what}", str(got.shape), str(expected.shape))

        def near(value):
            gap = np.abs(got - value).max(initial=0)
            return gap <= tolerance * max(1, np.abs(value).max(initial=0))  # a nan is not near

        if not near(expected):
            told = (sentence for sentence, value in (guesses or {}).items() if near(value))
            raise Broken(what, got, expected, next(told, None))

    def loud(self, what, function, mistake=None):
        """Raises: Broken unless `function()` raises an error or warns."""
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                function()
            except (NotApplicable, NotImplementedError):
                raise  # what a subject cannot do it has not noticed either
            except Exception:  # any other error is loud
                return
        if not said:
            raise Broken(what, "neither an error nor a warning", "one that names it", mistake)


def copied(value):
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {name: copied(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(copied, value))
    return value


def numbers(value):
    """Arrays as float64 copies, in dicts and tuples too; a layer as it is."""
    if isinstance(value, dict):
        return {name: numbers(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(numbers, value))
    if isinstance(value, np.ndarray | np.generic):
        return np.array(value, float) if np.asarray(value).dtype.kind in "biuf" else value
    return value
