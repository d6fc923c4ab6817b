"""loralib, litgpt, torchtune, lora-pytorch, LyCORIS and Keras: their LoRA layers as subjects."""

import importlib.util
import os

import numpy as np
import torch
from torch_layer import TorchLayer, linear, tensor, tensors

NOT_STRICT = "its README: the adapter is loaded over the model with strict=False"


class Loralib(TorchLayer):
    """`eval()` merges and `train()` unmerges, so the base's own weight is that in training."""

    library, name = "loralib", "loralib Linear"
    differs = dict.fromkeys(
        ("a_missing_key_is_loud", "an_unexpected_key_is_loud", "renamed_keys_are_loud"), NOT_STRICT
    )

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        import loralib

        layer = loralib.Linear(
            *W.shape, r=rank, lora_alpha=alpha, lora_dropout=dropout, bias=bias is not None
        )
        layer.weight.data.copy_(tensor(W.T))
        if bias is not None:
            layer.bias.data.copy_(tensor(bias))
        loralib.mark_only_lora_as_trainable(layer)
        return layer

    def weight(self, layer):
        layer.train()
        return super().weight(layer)

    def merge(self, layer):
        layer.eval()
        return super().weight(layer)

    def unmerge(self, layer):
        return self.weight(layer)

    def set_factors(self, layer, **factors):
        layer.train()
        super().set_factors(layer, **factors)

    def save(self, layer):
        import loralib

        return {key: value.numpy().copy() for key, value in loralib.lora_state_dict(layer).items()}

    def load(self, layer, state):
        layer.train()
        layer.load_state_dict(tensors(state), strict=False)
        return layer


class LoralibQKV(Loralib):
    name = "loralib MergedLinear"
    make, differs = None, {}

    def make_qkv(self, W, rank, alpha, sizes, enabled):
        import loralib

        if len(set(sizes.values())) > 1:
            raise NotImplementedError("MergedLinear's parts are of one size")
        on = [part in enabled for part in sizes]
        layer = loralib.MergedLinear(*W.shape, r=rank, lora_alpha=alpha, enable_lora=on, bias=False)
        layer.weight.data.copy_(tensor(W.T))
        layer.enabled = [part for part in sizes if part in enabled]
        return layer

    def set_factors(self, layer, **factors):
        layer.train()
        stack(layer, factors)


def stack(layer, factors):
    """The parts' factors one above the other, as loralib and litgpt hold them."""
    layer.lora_A.data.copy_(tensor(np.concatenate([factors[f"A_{p}"].T for p in layer.enabled])))
    layer.lora_B.data.copy_(tensor(np.concatenate([factors[f"B_{p}"].T for p in layer.enabled])))


class Litgpt(TorchLayer):
    library, name = "litgpt", "litgpt LoRALinear"

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        from litgpt.lora import LoRALinear, mark_only_lora_as_trainable

        layer = LoRALinear(
            *W.shape, r=rank, lora_alpha=alpha, lora_dropout=dropout, bias=bias is not None
        )
        layer.linear = linear(W, bias)
        mark_only_lora_as_trainable(layer)
        return layer

    def frozen(self, layer):
        return layer.linear.weight

    def merge(self, layer):
        layer.merge()
        return self.weight(layer)


class LitgptQKV(Litgpt):
    name = "litgpt LoRAQKVLinear"
    make = None

    def make_qkv(self, W, rank, alpha, sizes, enabled):
        from litgpt.lora import LoRAQKVLinear

        layer = LoRAQKVLinear(
            *W.shape, head_size=1, n_head=sizes["q"], n_query_groups=sizes["k"],
            r=rank, lora_alpha=alpha, enable_lora=[part in enabled for part in sizes], bias=False,
        )  # fmt: skip
        layer.linear = linear(W)
        layer.enabled = [part for part in sizes if part in enabled]
        return layer

    def set_factors(self, layer, **factors):
        stack(layer, factors)


class Torchtune(TorchLayer):
    library, name = "torchtune", "torchtune LoRALinear"
    dora = False

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        from torchtune.modules.peft import (
            DoRALinear,
            LoRALinear,
            get_adapter_params,
            set_trainable_params,
        )

        kind = DoRALinear if self.dora else LoRALinear
        layer = kind(*W.shape, rank, alpha, dropout=dropout, use_bias=bias is not None)
        layer.weight.data.copy_(tensor(W.T))
        if bias is not None:
            layer.bias.data.copy_(tensor(bias))
        if self.dora:
            layer.initialize_dora_magnitude()
        set_trainable_params(layer, get_adapter_params(layer))
        layer.scale = rank, alpha
        return layer

    def parts(self, layer):
        found = {"A": layer.lora_a.weight, "B": layer.lora_b.weight}
        return found | ({"m": layer.magnitude} if self.dora else {})

    def merge(self, layer):
        from torchtune.modules.peft import get_merged_lora_ckpt

        own = {f"layer.{key}": value.clone() for key, value in layer.state_dict().items()}
        return get_merged_lora_ckpt(own, *layer.scale)["layer.weight"].numpy().T


class TorchtuneDoRA(Torchtune):
    name, method, dora = "torchtune DoRALinear", "dora", True


class LoraPytorch(TorchLayer):
    """`from_module` takes a rank and no α, and its dropout is always 0."""

    library, name = "lora-pytorch", "lora-pytorch"

    def make(self, W, rank, alpha, bias=None):
        from lora_pytorch import LoRA
        from lora_pytorch.modules.linear import LinearLoRAModule

        base = linear(W, bias)
        return LoRA(base, LinearLoRAModule(*W.shape, rank=rank, alpha=alpha))

    def parts(self, layer):
        return {"A": layer.lora_module.in_proj, "B": layer.lora_module.out_proj}

    def factors(self, layer):
        return {name: p.detach().numpy().copy() for name, p in self.parts(layer).items()}

    def set_factors(self, layer, **factors):
        for name, p in self.parts(layer).items():
            p.data.copy_(tensor(factors[name]))

    def gradients(self, layer, x, dy):
        found = super().gradients(layer, x, dy)
        return {name: g if name == "x" else g.T for name, g in found.items()}

    def frozen(self, layer):
        return layer.module.weight

    def merge(self, layer):
        return layer.merge_lora().weight.detach().numpy().T


class LyCORIS(TorchLayer):
    library, name = "lycoris-lora", "LyCORIS LoCon"
    options = {}

    def make(self, W, rank, alpha, bias=None):
        from lycoris.modules.locon import LoConModule

        base = linear(W, bias).requires_grad_(False)
        layer = LoConModule("lora", base, lora_dim=rank, alpha=alpha, **self.options)
        layer.kept = [base]
        return layer

    def parts(self, layer):
        found = {"A": layer.lora_down.weight, "B": layer.lora_up.weight}
        return found | ({"m": layer.dora_scale} if self.method == "dora" else {})

    def frozen(self, layer):
        return layer.kept[0].weight

    def merge(self, layer):
        return layer.get_merged_weight()[0].detach().numpy().T


class LyCORISDoRA(LyCORIS):
    name, method = "LyCORIS DoRA", "dora"
    options = {"weight_decompose": True}

    def factors(self, layer):
        found = super().factors(layer)
        return found | {"m": found["m"].reshape(-1)}

    def set_factors(self, layer, **factors):
        m = factors["m"].reshape(layer.dora_scale.T.shape)
        super().set_factors(layer, **{**factors, "m": m})


class LyCORISrsLoRA(LyCORIS):
    name, method = "LyCORIS rsLoRA", "rslora"
    options = {"rs_lora": True}


class Keras(TorchLayer):
    library, name = "keras", "Keras Dense"

    def make(self, W, rank, alpha, bias=None):
        os.environ["KERAS_BACKEND"] = "torch"
        import keras

        keras.config.set_floatx("float32")
        layer = keras.layers.Dense(W.shape[1], use_bias=bias is not None)
        layer.build((None, W.shape[0]))
        layer.set_weights(
            [W.astype("float32")] + ([] if bias is None else [bias.astype("float32")])
        )
        layer.enable_lora(rank, lora_alpha=alpha)
        return layer

    def parts(self, layer):
        return {"A": layer.lora_kernel_a.value, "B": layer.lora_kernel_b.value}

    def mode(self, layer, training):
        pass

    factors, set_factors = LoraPytorch.factors, LoraPytorch.set_factors
    gradients = LoraPytorch.gradients

    def weight(self, layer):
        return layer._kernel.value.detach().numpy().copy()

    def merge(self, layer):
        return layer.kernel.detach().numpy()


KINDS = [
    Loralib, LoralibQKV, Litgpt, LitgptQKV, Torchtune, TorchtuneDoRA, LoraPytorch, LyCORIS,
    LyCORISrsLoRA, LyCORISDoRA, Keras,
]  # fmt: skip
MODULES = {"lora-pytorch": "lora_pytorch", "lycoris-lora": "lycoris"}
SUBJECTS = [
    kind()
    for kind in KINDS
    if importlib.util.find_spec(MODULES.get(kind.library, kind.library)) is not None
]
assert torch.get_default_dtype() == torch.float64
