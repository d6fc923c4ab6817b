"""Prefix tuning: learn keys and values that every layer finds in its past (Li & Liang 2021).

(arXiv 2101.00190, §4.) So it reaches deeper than a soft prompt at the model's input.
"""

from dataclasses import dataclass, replace

import numpy as np

from ...nn.module import Module, Parameter
from ...system.checks import check_fields
from ..added import give, kaiming
from ..targets import begin
from .virtual_tokens import BehindVirtualTokens, check_model, repeated_ids


class PrefixTable(Module):
    """The prefix itself, (P, 2·L·d): for each position K₀, V₀, K₁, V₁, …, as PEFT stores it."""

    def __init__(self, prefix):
        self.prefix = Parameter(prefix)

    def forward(self):
        return self.prefix.data, None

    def backward(self, dprefix, cache):
        give(self.prefix, dprefix)


class PrefixMLP(Module):
    """prefix = tanh(E W₁ + b₁) W₂ + b₂ (Li & Liang 2021, §4.3): trained in its place, since the
    authors found that steadier; afterwards only the prefix it makes is needed.

    Shapes: E (P, d), W₁ (d, width), b₁ (width,), W₂ (width, 2·L·d), b₂ (2·L·d,).
    """

    def __init__(self, P, d, width, n_out, rng, dtype):
        self.inputs = Parameter(rng.standard_normal((P, d)).astype(dtype))
        self.mlp_in = kaiming(rng, (d, width), d, dtype)
        self.mlp_out = kaiming(rng, (width, n_out), width, dtype)
        self.mlp_in_bias = Parameter(np.zeros(width, dtype))
        self.mlp_out_bias = Parameter(np.zeros(n_out, dtype))

    def forward(self):
        t = np.tanh(self.inputs.data @ self.mlp_in.data + self.mlp_in_bias.data)  # (P, width)
        return t @ self.mlp_out.data + self.mlp_out_bias.data, t

    def backward(self, dprefix, t):
        dz = (dprefix @ self.mlp_out.data.T) * (1 - t * t)  # undoes t W₂, then tanh
        give(self.mlp_out_bias, dprefix.sum(axis=0))  # undoes + b₂
        give(self.mlp_out, t.T @ dprefix)  # undoes t W₂
        give(self.mlp_in_bias, dz.sum(axis=0))  # undoes + b₁
        give(self.mlp_in, self.inputs.data.T @ dz)  # undoes E W₁
        give(self.inputs, dz @ self.mlp_in.data.T)  # undoes E W₁


class PrefixTuned(BehindVirtualTokens):
    """A model each of whose layers finds P learned keys and values before its own:
    k = [P_K; x W_K], v = [P_V; x W_V] (Li & Liang 2021, §4.2, eq. 3).

    Shapes: prefix (P, 2·L·d), which is L pairs of keys and values (G, P, hd); tokens (B, T).
    """

    def __init__(self, base, length, table):
        self.base, self.length, self.table, self.methods = base, length, table, base.methods

    def forward_body(self, tokens, *, past=None, position=0, **options):
        own, table_cache = past is None, None
        if own:
            self._check_positions(np.shape(tokens), position)
            prefix, table_cache = self.table.forward()
            past = self._pairs(prefix, np.shape(tokens)[0])
        x, cache = self.base.forward_body(tokens, past=past, position=position, **options)
        return x, None if cache is None else (own, table_cache, cache)

    def backward_body(self, dx, cache):
        own, table_cache, cache = cache
        dpast = self.base.backward_body(dx, cache)
        if not own:
            return dpast
        # Every sequence had the same prefix, so a sum over B: (L, 2, H, P, hd)
        dpairs = np.stack([(dk.sum(axis=0), dv.sum(axis=0)) for dk, dv in dpast])
        dprefix = dpairs.transpose(3, 0, 1, 2, 4).reshape(self.length, -1)  # undoes the reshape
        self.table.backward(dprefix, table_cache)

    def _pairs(self, prefix, B):
        """(P, 2·L·d) as L pairs of keys and values (B, H, P, hd), the same for each sequence."""
        L, H = self.config.n_layer, self.config.n_kv_head
        pairs = prefix.reshape(self.length, L, 2, H, -1).transpose(1, 2, 3, 0, 4)
        return [tuple(np.broadcast_to(kv, (B, *kv.shape)) for kv in pair) for pair in pairs]

    def new_past(self, batch, length):
        past = self._new_past(batch, length)
        for layer, pair in zip(past, self._pairs(self.table.forward()[0], batch)):
            layer.append(*pair)
        return past

    def without_mlp(self):
        """A view with the prefix that the MLP makes in the MLP's place: it computes the same."""
        view = self.view()
        view.table = PrefixTable(self.table.forward()[0].copy())
        view.table.prefix.trainable = self.table.trains()
        view.methods = tuple(
            replace(m, mlp_width=None) if isinstance(m, PrefixTuning) else m for m in self.methods
        )
        return view


@dataclass(frozen=True)
class PrefixTuning:
    """A prefix of `length` positions: length·2·L·d numbers. Apply it last.

    With `mlp_width` an MLP of that width makes the prefix while it trains: length·d for its
    inputs, (d + 1)·width and (width + 1)·2·L·d for its weights. `init` "random" draws from
    N(0, 0.02²); token ids give the keys and values that the model itself has for them, repeated
    or cut to `length` (Li & Liang 2021, §7.4): it then starts as if it had read them.
    """

    length: int = 8
    mlp_width: int | None = None
    init: str | tuple[int, ...] = "random"

    name, rate = "prefix", 9e-2

    def __post_init__(self):
        check_fields(self)
        if isinstance(self.init, str) and self.init != "random":
            raise ValueError(f"PrefixTuning: expected init random or token ids, got {self.init!r}")
        if self.mlp_width is not None and self.init != "random":
            raise ValueError("PrefixTuning: an MLP makes its own prefix; give init or mlp_width")

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        check_model("PrefixTuning", model, self.length)
        config, dtype, P = model.config, model.ln_f.weight.dtype, self.length
        n_out = 2 * config.n_layer * config.n_kv_head * config.head_dim
        if self.mlp_width is not None:
            table: Module = PrefixMLP(P, config.n_embd, self.mlp_width, n_out, rng, dtype)
        elif self.init == "random":
            table = PrefixTable(rng.normal(0.0, 0.02, (P, n_out)).astype(dtype))
        else:
            ids = repeated_ids("PrefixTuning", self.init, P, config.vocab_size)
            table = PrefixTable(prefix_of(model, ids))
        return PrefixTuned(begin(self, model), P, table)


def prefix_of(model, ids):
    """The keys and values that `model` has for the tokens `ids` (P,), as a prefix (P, 2·L·d)."""
    past = model.new_past(1, len(ids))
    model(ids[None], past=past)
    pairs = np.stack([(layer.k[0], layer.v[0]) for layer in past])  # (L, 2, H, P, hd)
    return pairs.transpose(3, 0, 1, 2, 4).reshape(len(ids), -1)
