"""Text from a model: sampling, one token after another, and chat."""

from .sampling import generate, stream

__all__ = ["generate", "stream"]
