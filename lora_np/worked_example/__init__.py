"""The document's 3×2 example: every number, every step.

python -m lora_np.worked_example     in the terminal, step by step
worked_example.run()                 the same numbers, for a notebook or a test
"""

from .numbers import DOCUMENT_Y, X2, W, X, lora_layer, run

__all__ = ["DOCUMENT_Y", "X2", "W", "X", "lora_layer", "run"]
