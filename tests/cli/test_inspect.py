"""The command `inspect`: what an adapter does to its base."""

import json

import numpy as np

from lora_np.__main__ import main
from lora_np.checkpoint import load_base, save_adapter
from lora_np.methods import LoRA


def test_inspect_tells_what_an_adapter_moves(tmp_path, capsys):
    model = LoRA(4, 6.0, ("mlp.c_fc",)).apply(load_base(), np.random.default_rng(0))
    save_adapter(model, tmp_path / "still")
    assert not main(["inspect", str(tmp_path / "still")])
    printed = capsys.readouterr().out
    assert "h.3.mlp.c_fc" in printed and "128 x 512" in printed and "1.5" in printed
    assert "c_attn" not in printed.split("layer", 1)[1]
    model.h[0].mlp.c_fc.B.data += 1
    save_adapter(model, tmp_path / "moved")
    assert not main(["inspect", str(tmp_path / "moved"), "--json"])
    changes = [layer["change"] for layer in json.loads(capsys.readouterr().out)["layers"]]
    assert changes[0] > 0.1 and changes[1:] == [0, 0, 0]


def test_inspect_refuses_what_is_no_adapter(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "gone")]) == 2
    assert "gone" in capsys.readouterr().err
