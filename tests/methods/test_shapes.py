"""The methods that PEFT has too, on one tiny Llama: its numbers are ours, its files too.

golden/make/make_shapes.py wrote what is read here; reports/report_shapes.py prints the differences.
"""

import json

import pytest

from golden.readers.golden_shapes import NAMES, SHAPES, adapted, differences
from helpers.safetensors_files import load_file
from lora_np.checkpoint import save_adapter

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@pytest.mark.parametrize("name", NAMES)
def test_logits_gradients_and_merged_weights_are_those_of_peft(name):
    for what, difference in differences(name).items():
        assert difference < 2e-6, what


@pytest.mark.parametrize("name", NAMES)
def test_what_peft_wrote_we_write_again(name, tmp_path):
    """Same names, same bytes, and no setting of another value: but for which of a layer's triplets
    were pruned, which says nothing of those that are left."""
    save_adapter(adapted(name), tmp_path, base="base")
    ours, theirs = load_file(tmp_path / WEIGHTS), load_file(SHAPES / name / WEIGHTS)
    assert {n: t.tobytes() for n, t in ours.items()} == {n: t.tobytes() for n, t in theirs.items()}
    ours, theirs = (json.loads((d / CONFIG).read_text()) for d in (tmp_path, SHAPES / name))
    for config in ours, theirs:
        left = (config.get("rank_pattern") or {}).items()
        config["rank_pattern"] = {name: sorted(each) for name, each in left}
        config["target_modules"].sort()
    assert {n: v for n, v in ours.items() if n in theirs and theirs[n] != v} == {}
    assert len(ours.keys() & theirs.keys()) > 5
