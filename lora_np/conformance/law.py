"""A law: a function of a few lines, and what it needs to be tried."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from . import drawn

LOW_RANK = ("lora", "rslora")  # the methods whose ΔW is s·A·B
NOTEBOOKS = {
    1: "01_worked_example", 2: "02_backprop", 3: "03_rank_alpha_init", 4: "04_savings",
    5: "05_nf4", 6: "06_qlora", 7: "07_gpt", 9: "09_what_moves", 10: "10_what_teaches",
    10.5: "10b_rlhf", 12: "12_into_the_ecosystem",
}  # fmt: skip


class Broken(AssertionError):
    """A law does not hold: what was looked at, what came, what was expected.

    `mistake` is a sentence on what was probably done, where what came tells.
    """

    def __init__(self, what, got=None, expected=None, mistake=None):
        super().__init__(what)
        self.what, self.got, self.expected, self.mistake = what, got, expected, mistake


class NotApplicable(Exception):
    """The subject lacks what a law needs."""


@dataclass(frozen=True)
class Law:
    """A statement about a subject, `function(subject, **inputs)`, which raises Broken.

    `needs` are the subject's functions and flags without which it cannot be tried; `settings` are
    arguments that its `make` has to take; `methods` those it is about, or none for any.
    """

    function: Callable
    needs: tuple[str, ...]
    settings: tuple[str, ...]
    methods: tuple[str, ...]
    draws: Callable
    mistake: str
    lesson: str

    def __call__(self, subject, **inputs):
        return self.function(subject, **inputs)

    name = property(lambda self: self.function.__name__)
    group = property(lambda self: self.function.__module__.rpartition(".")[2])
    statement = property(lambda self: self.name.replace("_", " "))
    reason = property(lambda self: " ".join(inspect.getdoc(self.function).split()))
    reads = property(lambda self: list(inspect.signature(self.function).parameters)[1:])

    def inputs(self):
        """What hypothesis draws its inputs from: of all that `draws` makes, what it reads."""
        reads = self.reads
        return drawn.strategy(lambda draw: chosen(self.draws(draw), reads))


def chosen(values, names):
    return {name: values[name] for name in names}


def law(needs, mistake, lesson, *, settings="", methods=(), draws=drawn.layer):
    """Make the decorated function a Law. `mistake`: what was probably done where it breaks."""

    def decorate(function):
        notebook = f"notebooks/{NOTEBOOKS[lesson]}.ipynb"
        words = tuple(needs.split()), tuple(settings.split()), tuple(methods)
        return Law(function, *words, draws, mistake, notebook)

    return decorate
