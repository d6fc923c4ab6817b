"""What an entry of the methods' contract is: method_cases.py says what its fields mean."""

from collections.abc import Callable
from dataclasses import dataclass, replace

WIDTHS = "n_embd", "n_inner", "hidden_size", "intermediate_size", "head_dim"


@dataclass(frozen=True)
class MethodCase:
    name: str
    build: Callable
    count: Callable
    identity: bool = True
    exact: bool = True
    spread: float = 0.2  # how far the laws move what learns from where it starts
    multiple: int = 1

    def fitted(self, config):
        """The config with all its widths `multiple` times as wide, for a method of blocks."""
        sizes = {name: size for name, size in vars(config).items() if name in WIDTHS and size}
        return replace(config, **{name: size * self.multiple for name, size in sizes.items()})

    def apply(self, model, rng):
        for method in self.build(model.config):
            model = method.apply(model, rng)
        return model
