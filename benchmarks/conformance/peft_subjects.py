"""PEFT's LoRA, rsLoRA, DoRA and IA3 as subjects, through the calls that its guides show."""

import json
import tempfile
from pathlib import Path

import torch
from peft import IA3Config, LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch_layer import TorchLayer, linear, tensor, tensors
from transformers.pytorch_utils import Conv1D

FILE = "adapter_model.safetensors"


class Net(torch.nn.Module):
    """A model of one layer, Linear or GPT-2's Conv1D."""

    def __init__(self, W, bias, conv):
        super().__init__()
        self.config = {"model_type": "custom"}
        self.lin = linear(W, bias)
        if conv:
            self.lin = Conv1D(W.shape[1], W.shape[0])
            self.lin.weight.data.copy_(tensor(W))
            self.lin.bias.data.copy_(tensor(0 * W[0] if bias is None else bias))

    def forward(self, x):
        return self.lin(x)


class PEFT(TorchLayer):
    library = "peft"

    def __init__(self, method="lora", conv=False, combination="cat", **options):
        names = {"lora": "LoRA", "rslora": "rsLoRA", "dora": "DoRA", "ia3": "IA3"}
        self.name = f"PEFT {names[method]}" + (" on Conv1D" if conv else "")
        self.method, self.conv, self.combination = method, conv, combination
        self.differs = options.pop("differs", {})

    def config(self, rank, alpha, dropout=0.0):
        where = {"target_modules": ["lin"], "fan_in_fan_out": self.conv}
        if self.method == "ia3":
            return IA3Config(**where, feedforward_modules=[])
        more = {"use_rslora": self.method == "rslora", "use_dora": self.method == "dora"}
        return LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, **more, **where)

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        return get_peft_model(Net(W, bias, self.conv), self.config(rank, alpha, dropout))

    def inner(self, model):
        return model.base_model.model.lin

    def parts(self, model, adapter=None):
        layer, name = self.inner(model), adapter or model.active_adapter
        if self.method == "ia3":
            return {"l": layer.ia3_l[name]}
        found = {"A": layer.lora_A[name].weight, "B": layer.lora_B[name].weight}
        if self.method == "dora":
            found["m"] = layer.lora_magnitude_vector[name].weight
        return found

    def weight(self, model):
        weight = self.inner(model).base_layer.weight.detach().numpy()
        return (weight if self.conv else weight.T).copy()

    def merge(self, model):
        model.merge_adapter()
        return self.weight(model)

    def unmerge(self, model):
        model.unmerge_adapter()
        return self.weight(model)

    def combine(self, models, weights):
        if self.method == "ia3":
            raise NotImplementedError("IA3's add_weighted_adapter adds vectors, not weights")
        first = models[0].peft_config["default"]
        both = get_peft_model(self.bare(models[0]), self.config(first.r, first.lora_alpha))
        names = [f"adapter{i}" for i in range(len(models))]
        for name, model in zip(names, models):
            own = model.peft_config["default"]
            both.add_adapter(name, self.config(own.r, own.lora_alpha))
            for part, p in self.parts(both, name).items():
                p.data.copy_(self.parts(model)[part].data)
        both.add_weighted_adapter(names, weights, "combined", self.combination)
        both.set_adapter("combined")
        return both

    def bare(self, model):
        base = self.inner(model).base_layer
        bias = None if base.bias is None else base.bias.detach().numpy()
        return Net(self.weight(model), bias, self.conv)

    def save(self, model):
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            return {key: value.numpy() for key, value in load_file(Path(folder, FILE)).items()}

    def load(self, model, state):
        with tempfile.TemporaryDirectory() as folder:
            own = model.peft_config["default"]
            own.save_pretrained(folder)
            assert json.loads(Path(folder, "adapter_config.json").read_text("utf-8"))
            save_file(tensors(state), Path(folder, FILE))
            return PeftModel.from_pretrained(self.bare(model), folder)


ROUGH = "its docstring: linear is efficient but a very rough approximation, to be avoided"
SUBJECTS = [PEFT(), PEFT("rslora"), PEFT("dora"), PEFT("dora", conv=True), PEFT("ia3")]
