"""loralib's, litgpt's and torchtune's LoRA layers as subjects."""

import importlib.util

import numpy as np
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


KINDS = [Loralib, LoralibQKV, Litgpt, LitgptQKV, Torchtune, TorchtuneDoRA]
SUBJECTS = [kind() for kind in KINDS if importlib.util.find_spec(kind.library) is not None]
