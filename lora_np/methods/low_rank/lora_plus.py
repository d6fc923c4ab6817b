"""LoRA+: B learns faster than A (Hayou et al. 2024, arXiv 2402.12354, §4)."""

from ...nn.module import Module
from ...system.checks import check_real
from ..targets import layers_of
from .lora_tables import LoRATable


def lora_plus_groups(model: Module, lr: float, ratio: float = 16.0) -> list[dict]:
    """Groups in which B learns `ratio` times as fast as A, but for a table's, random at first."""
    check_real("lora_plus_groups: expected lr", lr, "from 0")
    check_real("lora_plus_groups: expected a ratio", ratio)
    tables = {id(table.B) for _, table in layers_of(model, LoRATable)}
    named = [(name, p) for name, p in model.named_parameters() if p.trainable]
    fast = [name.split(".")[-1] == "B" and id(p) not in tables for name, p in named]
    others = [p for (_, p), is_B in zip(named, fast) if not is_B]
    Bs = [p for (_, p), is_B in zip(named, fast) if is_B]
    return [{"params": others, "lr": lr}, {"params": Bs, "lr": lr * ratio}]
