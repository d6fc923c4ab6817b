"""What an entry of the methods' contract is: method_cases.py says what its fields mean."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class MethodCase:
    name: str
    build: Callable
    count: Callable
    identity: bool = True
    exact: bool = True
    spread: float = 0.2  # how far the laws move what learns from where it starts

    def apply(self, model, rng):
        for method in self.build(model.config):
            model = method.apply(model, rng)
        return model
