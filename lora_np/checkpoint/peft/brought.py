"""Tables of tokens that an adapter's file brings whole, as PEFT's `save_embedding_layers` does.

They need not learn: PEFT writes them where LoRA adapts them, and where tokens were added.
"""

from dataclasses import dataclass, replace

import numpy as np

from ...methods.inputs.own_rows import OwnRows
from ...methods.low_rank.lora_tables import LoRATable
from ...methods.targets import shares_table
from ...nn import Embedding, Head, Parameter, Wrapper
from .names import in_modules, kept_tied, tables, token_adapter


@dataclass(frozen=True)
class BroughtTables:
    """In place of the base's tables `names`, others with so many `rows`; a tied head stays tied."""

    names: tuple[str, ...]
    rows: int

    def apply(self, model, rng=None):
        view = model.view()
        inner, tied = view.unwrapped(), shares_table(view)
        if isinstance(inner.wte, Wrapper) or isinstance(inner.lm_head, Wrapper):
            raise ValueError("it brings tables of tokens, and this model's are adapted already")
        first = tables(model)[0]

        def table():
            dtype = inner.ln_f.weight.dtype  # zeros: a new token's row is their mean at first
            return Parameter(np.zeros((self.rows, model.config.n_embd), dtype), trainable=False)

        if tied or first in self.names:
            inner.wte = Embedding(table())
        if tied or "lm_head" in self.names:
            inner.lm_head = Head(inner.wte.weight if tied else table())
        inner.config = replace(inner.config, vocab_size=self.rows)
        view.methods = (*view.methods, self)
        return view


def config(method):
    return {}


def method_from(config, shapes, model):
    whole, names = {}, tables(model)
    for name in names:
        for part in ("weight", "base_layer.weight", "token_adapter.base_layer.weight"):
            if len(shape := shapes.get(f"{name}.{part}", ())) == 2:
                whole[name] = shape[0]
    tied, sizes = kept_tied(config, model), set(whole.values())
    saved = {name for name in whole if tied or in_modules(f"{name}.weight", config, model)}
    more = sizes - {model.config.vocab_size}
    if len(sizes) > 1 or (more and len(whole) == 1 and (saved or not shares_table(model))):
        V = model.config.vocab_size
        raise ValueError(f"expected tables of {V} tokens, or both of another number, got {whole}")
    if more or whole.keys() - saved:
        return BroughtTables(tuple(whole), sizes.pop())


def arrays(model):
    """Those that do not learn: the others are modules_to_save (beside.py)."""
    [method] = (m for m in model.methods if isinstance(m, BroughtTables))
    result = {}
    for name, table in zip(tables(model), (model.unwrapped().wte, model.unwrapped().lm_head)):
        weight = table.unwrapped().weight
        if name in method.names and not weight.trainable:
            around = {LoRATable: ".base_layer", OwnRows: f"{token_adapter(model)}.base_layer"}
            inside = next((s for kind, s in around.items() if isinstance(table, kind)), "")
            result[f"{name}{inside}.weight"] = weight.data
    return result
