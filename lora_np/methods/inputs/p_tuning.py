"""P-tuning: a small network writes the soft prompt (Liu et al. 2021, arXiv 2103.10385, §3.2).

    prompt = relu(relu(E W₁ + b₁) W₂ + b₂) W₃ + b₃        E learns too, a row a virtual token

Each step of a W moves all rows of the prompt. The paper reads E by an LSTM first; this is the MLP
that PEFT recommends. Afterwards only the prompt is needed.
"""

from dataclasses import dataclass, replace

import numpy as np

from ...nn.module import Module, Parameter
from ...system.checks import check_fields
from ..added import give, kaiming
from ..targets import begin
from .prompt import PromptTuned
from .virtual_tokens import check_model


class PromptEncoder(Module):
    """Shapes: E (P, d), W₁ (d, width), W₂ (width, width), W₃ (width, d), biases as wide as they."""

    def __init__(self, length, d, width, rng, dtype):
        self.rows = Parameter(rng.standard_normal((length, d)).astype(dtype))
        for k, n_in, n_out in ((1, d, width), (2, width, width), (3, width, d)):
            setattr(self, f"W{k}", kaiming(rng, (n_in, n_out), n_in, dtype))
            setattr(self, f"b{k}", kaiming(rng, (n_out,), n_in, dtype))

    def forward(self):
        x = self.rows.data
        h = np.maximum(x @ self.W1.data + self.b1.data, 0)  # (P, width)
        g = np.maximum(h @ self.W2.data + self.b2.data, 0)  # (P, width)
        return g @ self.W3.data + self.b3.data, (x, h, g)

    def backward(self, dprompt, cache):
        x, h, g = cache
        dg = (dprompt @ self.W3.data.T) * (g > 0)  # undoes gW₃, then relu
        dh = (dg @ self.W2.data.T) * (h > 0)  # undoes hW₂, then relu
        for k, a, d in ((1, x, dh), (2, h, dg), (3, g, dprompt)):
            give(getattr(self, f"W{k}"), a.T @ d)  # undoes aW
            give(getattr(self, f"b{k}"), d.sum(axis=0))  # undoes + b
        give(self.rows, dh @ self.W1.data.T)  # undoes EW₁


class PTuned(PromptTuned):
    """A model behind the prompt that its encoder writes."""

    def __init__(self, base, encoder):
        self.base, self.encoder, self.methods = base, encoder, base.methods

    length = property(lambda self: self.encoder.rows.shape[0])

    def written(self):
        return self.encoder.forward()

    def written_backward(self, dprompt, cache):
        self.encoder.backward(dprompt, cache)

    def written_trains(self):
        return self.encoder.trains()

    def without_encoder(self):
        """A view with the prompt in its encoder's place: it computes the same."""
        view, own = PromptTuned(self.base.view(), self.written()[0].copy()), PTuning
        view.methods = tuple(replace(m, width=None) if type(m) is own else m for m in self.methods)
        return view


@dataclass(frozen=True)
class PTuning:
    """`length` rows, written by an MLP of that `width`, or None once they are. Apply it last."""

    length: int = 8
    width: int | None = 64

    name, rate = "p_tuning", 1e-2

    def __post_init__(self):
        check_fields(self)

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        check_model("PTuning", model, self.length)
        d, dtype, view = model.config.n_embd, model.ln_f.weight.dtype, begin(self, model)
        if self.width is None:
            return PromptTuned(view, rng.standard_normal((self.length, d)).astype(dtype))
        return PTuned(view, PromptEncoder(self.length, d, self.width, rng, dtype))
