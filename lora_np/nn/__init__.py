"""The network: forward above backward, nothing hidden."""

from .layers import Linear
from .module import Module, Parameter

__all__ = ["Linear", "Module", "Parameter"]
