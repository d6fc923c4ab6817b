"""lora-pytorch's, LyCORIS's and Keras's LoRA layers as subjects."""

import importlib.util
import os

from torch_layer import TorchLayer, linear, tensor


class OurWay(TorchLayer):
    """Layers whose A is (in, r) and B (r, out)."""

    def factors(self, layer):
        return {name: p.detach().numpy().copy() for name, p in self.parts(layer).items()}

    def set_factors(self, layer, **factors):
        for name, p in self.parts(layer).items():
            p.data.copy_(tensor(factors[name]))

    def gradients(self, layer, x, dy):
        found = super().gradients(layer, x, dy)
        return {name: g if name == "x" else g.T for name, g in found.items()}


class LoraPytorch(OurWay):
    """`from_module` takes a rank and no α, and its dropout is always 0."""

    differs = dict.fromkeys(
        ("the_scale_is_alpha_over_r", "twice_alpha_is_twice_the_branch"),
        "a comment in its code: alpha / rank is left to the start of in_proj, and not in forward",
    )

    library, name = "lora-pytorch", "lora-pytorch"

    def make(self, W, rank, alpha, bias=None):
        from lora_pytorch import LoRA
        from lora_pytorch.modules.linear import LinearLoRAModule

        base = linear(W, bias)
        return LoRA(base, LinearLoRAModule(*W.shape, rank=rank, alpha=alpha))

    def parts(self, layer):
        return {"A": layer.lora_module.in_proj, "B": layer.lora_module.out_proj}

    def frozen(self, layer):
        return layer.module.weight

    def merge(self, layer):
        return layer.merge_lora().weight.detach().numpy().T


class LyCORIS(TorchLayer):
    library, name = "lycoris-lora", "LyCORIS LoCon"
    options = {}

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        from lycoris.modules.locon import LoConModule

        base = linear(W, bias).requires_grad_(False)
        layer = LoConModule(
            "lora", base, lora_dim=rank, alpha=alpha, dropout=dropout, **self.options
        )
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
    differs = {
        "the_norm_is_held_constant": "the full derivative, which is exact: the paper (§4.3) only "
        "suggests to hold the norm, to save memory"
    }
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


class Keras(OurWay):
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

    def weight(self, layer):
        return layer._kernel.value.detach().numpy().copy()

    def merge(self, layer):
        return layer.kernel.detach().numpy()


MODULES = {"lora-pytorch": "lora_pytorch", "lycoris-lora": "lycoris"}
SUBJECTS = [
    kind()
    for kind in (LoraPytorch, LyCORIS, LyCORISrsLoRA, LyCORISDoRA, Keras)
    if importlib.util.find_spec(MODULES.get(kind.library, kind.library)) is not None
]
