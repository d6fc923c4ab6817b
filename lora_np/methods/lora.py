"""LoRA: freeze W, learn a low-rank ΔW beside it (Hu et al. 2021, arXiv 2106.09685, §4.1)."""

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass

from ..nn.functional import dropout_backward, dropout_forward
from ..nn.layers import LinearLike, rows
from ..nn.module import Parameter
from .common import ALL_LINEAR, begin, layers_of, wrap
from .inits import both_zero, zero_b


class LoRALinear(LinearLike):
    """y = base(x) + s · (xA)B, and `base` is frozen (Hu et al. 2021, §4.1, eq. 3, transposed).

    s is α/r, or α/√r for rsLoRA (Kalajdzievski 2023, arXiv 2312.03732).
    Shapes: x (..., in), A (in, r), B (r, out), y (..., out).
    Raises: ValueError for a rank outside 1 … min(in, out), an α that is not finite, a dropout
    outside [0, 1).
    """

    def __init__(self, base, rank, alpha, rng, *, dropout=0.0, rslora=False, init=zero_b):
        _check_settings(rank, alpha, dropout)
        largest = min(base.in_features, base.out_features)
        if rank > largest:
            raise ValueError(
                f"LoRA: expected a rank from 1 to min(in, out) = {largest} for a weight "
                f"({base.in_features}, {base.out_features}), got {rank}"
            )
        self.scale = float(alpha / math.sqrt(rank) if rslora else alpha / rank)
        self.dropout = dropout
        self.base, A, B = init(base, rank, self.scale, rng)
        self.base.freeze()
        self.A, self.B = Parameter(A), Parameter(B)

    def forward(self, x, *, rng=None):
        self._check(x)
        y, base_cache = self.base.forward(x)  # (..., out)
        xd, mask = dropout_forward(x, self.dropout, rng)  # the adapter's branch only
        u = rows(xd) @ self.A.data  # (N, r)
        y += ((self.scale * u) @ self.B.data).reshape(y.shape)  # ΔW itself is never formed
        return y, (base_cache, xd if self.A.trainable else None, mask, u)

    def backward(self, dy, cache, *, below_trains=True):
        """dx, or None where nothing below needs it."""
        base_cache, xd, mask, u = cache
        dx = self.base.backward(dy, base_cache, below_trains=below_trains)  # undoes base(x)
        dy = rows(dy)
        du = self.scale * (dy @ self.B.data.T)  # undoes s·uB: du = s·dy Bᵀ  (N, r)
        if self.B.trainable:
            self.B.accumulate((self.scale * u).T @ dy)  # undoes s·uB: dB = s·uᵀ dy
        if self.A.trainable:
            self.A.accumulate(rows(xd).T @ du)  # undoes xA: dA = xᵀ du
        if not below_trains:
            return None
        dxd = (du @ self.A.data.T).reshape(dx.shape)  # undoes xA: du Aᵀ
        dx += dropout_backward(dxd, mask)  # x was used twice, so its gradients add
        return dx

    def effective_weight(self):
        """W' = W + s·A·B  (in, out)"""
        return self.base.effective_weight() + self.scale * (self.A.data @ self.B.data)


@dataclass(frozen=True)
class LoRA:
    """LoRA on every linear layer whose dotted name ends in one of `targets`.

    `alpha` and `rank` give the scale α/r (`rslora`: α/√r); `targets` may be "all-linear".
    Raises: ValueError for settings out of range, or a target that matches nothing.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] | str = ("c_attn",)
    dropout: float = 0.0
    rslora: bool = False
    init: Callable = zero_b

    layer = LoRALinear  # what stands beside each target

    def __post_init__(self):
        _check_settings(self.rank, self.alpha, self.dropout)

    def apply(self, model, rng):
        """A view of `model` with LoRA beside its targets; `model` itself is untouched."""
        options = {"dropout": self.dropout, "rslora": self.rslora, "init": self.init}
        return wrap(
            begin(self, model),
            self.targets,
            lambda base: self.layer(base, self.rank, self.alpha, rng, **options),
        )

    def peft_config(self):
        """Its part of PEFT's adapter_config.json.

        Raises: ValueError for an init that moved what the base holds: PEFT's form is the factors
        alone, beside the base as it was.
        """
        if self.init not in (zero_b, both_zero):
            raise ValueError(
                f"LoRA: {self.init} changed the base, so its factors mean nothing beside "
                "another; save merge(model) with save_gpt2"
            )
        all_linear = self.targets == ALL_LINEAR
        targets = [self.targets] if isinstance(self.targets, str) else list(self.targets)
        return {
            "peft_type": "LORA",
            "r": self.rank,
            "lora_alpha": float(self.alpha),  # JSON knows no NumPy scalars
            "target_modules": ALL_LINEAR if all_linear else targets,
            "lora_dropout": float(self.dropout),
            "use_rslora": self.rslora,
            "use_dora": self.layer is not LoRALinear,
            "fan_in_fan_out": True,  # as in GPT-2; whoever saves corrects it for other models
            "init_lora_weights": True,
        }

    # Settings that PEFT also writes, and that change nothing in what a trained adapter computes.
    peft_ignores = ("layers_pattern", "layers_to_transform", "megatron_core", "qalora_group_size")

    @classmethod
    def from_peft(cls, config, shapes, model):
        """The LoRA that a PEFT config describes, or None if it describes something else.

        `shapes` are the file's {name: shape}: where `target_modules` is a pattern or limited to
        some layers, the layers are those the file has factors for.
        """
        dora = bool(config.get("use_dora"))
        if config["peft_type"] != "LORA" or dora != (cls.layer is not LoRALinear):
            return None
        if config.get("init_lora_weights", True) not in (True, False, "gaussian", "orthogonal"):
            raise ValueError(
                f"init_lora_weights {config['init_lora_weights']!r} changes the base, which a "
                "file of factors does not hold"
            )
        targets = config.get("target_modules") or list(model.lora_targets)
        pattern = isinstance(targets, str) and targets != ALL_LINEAR
        if pattern or config.get("layers_to_transform"):
            end = ".lora_A.weight"
            targets = [name.removesuffix(end) for name in shapes if name.endswith(end)]
        if targets != ALL_LINEAR:
            if not isinstance(targets, list) or not all(isinstance(t, str) for t in targets):
                raise ValueError(f"expected target_modules to be a list of names, got {targets!r}")
            targets = tuple(target.removeprefix(model.file_prefix) for target in targets)
        return cls(
            rank=config.get("r", 8),
            alpha=config.get("lora_alpha", 8),
            targets=targets,
            dropout=config.get("lora_dropout", 0.0),
            rslora=bool(config.get("use_rslora")),
        )

    def peft_arrays(self, model):
        """{PEFT's name: the factor in PEFT's orientation}: views, so writing to one loads it."""
        arrays = {}
        for name, layer in layers_of(model, self.layer):
            arrays[f"{name}.lora_A.weight"] = layer.A.data.T  # (r, in)
            arrays[f"{name}.lora_B.weight"] = layer.B.data.T  # (out, r)
        return arrays


def lora_plus_groups(model, lr, ratio=16.0):
    """Parameter groups for LoRA+: B learns `ratio` times as fast as A (Hayou et al. 2024, §4)."""
    named = [(name, p) for name, p in model.named_parameters() if p.trainable]
    is_b = [name == "B" or name.endswith(".B") for name, _ in named]
    return [
        {"params": [p for (_, p), b in zip(named, is_b) if not b], "lr": lr},
        {"params": [p for (_, p), b in zip(named, is_b) if b], "lr": lr * ratio},
    ]


def _check_settings(rank, alpha, dropout):
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise ValueError(f"LoRA: expected a rank that is a whole number from 1, got {rank!r}")
    if not (_real(alpha) and abs(alpha) < 2.0**127):  # finite in float32, too
        raise ValueError(f"LoRA: expected a finite alpha, got {alpha!r}")
    if not (_real(dropout) and 0 <= dropout < 1):
        raise ValueError(f"LoRA: expected a dropout from 0 to below 1, got {dropout!r}")


def _real(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
