"""LoRA-FA: A stays as it was drawn, B alone learns (Zhang et al. 2023, arXiv 2308.03303)."""

import numpy as np

from ..methods import LoRALinear
from ..methods.targets import layers_of
from ..nn.module import Module
from .optim import AdamW

DELTA = 1e-8  # on AᵀA's diagonal, as in PEFT


class LoRAFA(AdamW):
    """AdamW on B's gradient, turned into that which moves W as near as B can to W's own gradient.

    dB ← (AᵀA)⁻¹·dB / s²        (Wang et al. 2024, LoRA-Pro, arXiv 2407.18242, eq. 9, with A fixed)

    It freezes every A of `model`. Then x is not kept for dA, only u = xA: what LoRA-FA saves is
    activations. PEFT makes this product in bfloat16 where the processor has it.
    """

    def __init__(self, model: Module, lr: float = 1e-3, **options):
        self.layers = [layer for _, layer in layers_of(model, LoRALinear)]
        for layer in self.layers:
            layer.A.trainable, layer.A.grad = False, None
        super().__init__(model.trainable_parameters(), lr, **options)

    def step(self):
        for layer in self.layers:
            if layer.B.grad is not None:
                A = layer.A.data
                gram = A.T @ A + DELTA * np.eye(A.shape[1], dtype=A.dtype)  # (r, r)
                layer.B.grad = np.linalg.solve(layer.scale**2 * gram, layer.B.grad)
        super().step()
