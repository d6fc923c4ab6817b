"""The files of an adapter, by PEFT's names, and a way to change its settings."""

import json

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def edit_config(directory, **changes):
    path = directory / CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
