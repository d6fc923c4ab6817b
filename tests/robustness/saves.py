"""What the faults save, and how to tell which save lies there."""

import json

import numpy as np

from lora_np import GPT, GPTConfig, LoRA
from lora_np.checkpoint import load_adapter, load_gpt2, save_adapter, save_gpt2
from lora_np.system.files import whole_file

CONFIG = GPTConfig(vocab_size=7, n_positions=8, n_embd=8, n_layer=2, n_head=2)


def base(version=0):
    return GPT(CONFIG, np.random.default_rng(version))


def adapted(version):
    """An adapter whose settings and numbers both tell which save they are of."""
    model = LoRA(2, 3.0 + version).apply(base(), np.random.default_rng(version))
    for parameter in model.trainable_parameters():
        parameter.data[...] = version + 1
    return model


def which_adapter(directory):
    """The version in `directory`; ValueError if it is refused, AssertionError for a mixture."""
    model = load_adapter(base(), directory)
    numbers = {int(p.data.flat[0]) - 1 for p in model.trainable_parameters()}
    numbers.add(int(model.methods[0].alpha - 3))
    assert len(numbers) == 1, f"a mixture of saves {numbers}"
    return numbers.pop()


def which_model(directory):
    model = load_gpt2(directory)
    found = [v for v in (0, 1) if np.array_equal(model.wte.weight.data, base(v).wte.weight.data)]
    assert len(found) == 1
    return found[0]


def which_json(directory):
    return json.loads((directory / "result.json").read_text())["version"]


def save_json(version, directory):
    with whole_file(directory / "result.json") as temporary:
        temporary.write_text(json.dumps({"version": version, "much": list(range(10_000))}))


SAVES = {  # what is saved: how, and how to tell which version is there
    "adapter": (lambda v, path: save_adapter(adapted(v), path), which_adapter),
    "GPT-2": (lambda v, path: save_gpt2(base(v), path), which_model),
    "JSON": (save_json, which_json),
}
