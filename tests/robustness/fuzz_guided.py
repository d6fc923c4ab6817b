"""Let coverage guide the damage, in place of chance: atheris on JSON, adapters' settings and GGUF.

    pip install atheris
    PYTHONPATH=tests python tests/robustness/fuzz_guided.py -max_total_time=60 [directory of seeds]

The first byte says which loader gets the rest. Any exception but ValueError or OSError ends the
run, and leaves the input in a file.
"""

import json
import pathlib
import sys
import tempfile

import atheris

with atheris.instrument_imports(include=["lora_np"]):
    from lora_np.checkpoint import load_adapter, load_gpt2, safetensors_io
    from lora_np.checkpoint.bitsandbytes import read_state
    from lora_np.checkpoint.gguf import open_gguf

import numpy as np

from golden.readers.golden_hf import ADAPTERS, GOLDEN, base_of

PLACE = pathlib.Path(tempfile.mkdtemp())


def json_object(data):
    (PLACE / "a.json").write_bytes(data)
    safetensors_io.read_json(PLACE / "a.json")


def nf4_state(data):
    read_state(np.frombuffer(data, np.uint8))


def gguf(data):
    (PLACE / "a.gguf").write_bytes(data)
    open_gguf(PLACE / "a.gguf")


def adapter(data):
    """The golden LoRA's numbers with these settings."""
    (PLACE / "adapter_config.json").write_bytes(data)
    load_adapter(BASE, PLACE)


LOADERS = json_object, nf4_state, gguf, adapter
BASE = load_gpt2(base_of("lora_attention"))


def one(data):
    if data:
        try:
            LOADERS[data[0] % len(LOADERS)](data[1:])
        except (ValueError, OSError):
            pass


def seeds():
    """What to start from: the golden adapters' settings."""
    place = PLACE / "seeds"
    place.mkdir()
    for name in ADAPTERS:
        settings = json.loads((GOLDEN / "peft" / name / "adapter_config.json").read_text())
        for loader in (0, 3):
            (place / f"{name}{loader}").write_bytes(bytes([loader]) + json.dumps(settings).encode())
    for version in (2, 3):
        header = b"GGUF" + bytes([version, 0, 0, 0]) + bytes(7) + b"\0" + bytes(8)
        (place / f"gguf{version}").write_bytes(b"\2" + header)
    return str(place)


if __name__ == "__main__":
    weights = GOLDEN / "peft" / "lora_attention" / "adapter_model.safetensors"
    (PLACE / weights.name).write_bytes(weights.read_bytes())
    atheris.Setup([*sys.argv, seeds()], one)
    atheris.Fuzz()
