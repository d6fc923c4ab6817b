"""The methods that PEFT has too, on one tiny Llama: its numbers are ours, its files too.

golden/make/make_shapes.py wrote what is read here; reports/report_shapes.py prints the differences.
"""

import json

import numpy as np
import pytest

from golden.readers.golden_shapes import NAMES, SHAPES, adapted, differences, off
from helpers.safetensors_files import load_file, save_file
from lora_np.checkpoint import load_adapter, load_llama, save_adapter
from lora_np.methods import PTuning

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
        (config.get("target_modules") or []).sort()
    assert {n: v for n, v in ours.items() if n in theirs and theirs[n] != v} == {}
    assert len(ours.keys() & theirs.keys()) > 5


def test_the_encoder_of_a_prompt_has_the_gradients_of_peft():
    """No file holds it: PEFT saves the prompt that it wrote, and so do we."""
    expected = load_file(SHAPES / "p_tuning" / "expected.safetensors")
    base = load_llama(SHAPES / "base").astype(np.float64)
    model = PTuning(3, width=5).apply(base, np.random.default_rng(0))
    own, theirs = dict(model.encoder.named_parameters()), ["embedding.weight"]
    theirs += [f"mlp_head.{i}.{part}" for i in (0, 2, 4) for part in ("weight", "bias")]
    pairs = dict(zip(own, theirs, strict=True))  # rows, then W and b of each layer
    for name, parameter in own.items():
        parameter.data[...] = (
            expected[f"encoder.{pairs[name]}"].T
            if name[0] == "W"
            else (expected[f"encoder.{pairs[name]}"])
        )
    logits, cache = model.forward(expected["tokens"])
    model.backward(expected["dlogits"].astype(np.float64), cache)
    assert off(logits, expected["logits"]) < 2e-6
    for name, parameter in own.items():
        grad = parameter.grad.T if name[0] == "W" else parameter.grad
        assert off(grad, expected[f"encoder_grad.{pairs[name]}"]) < 2e-6, name
    written, _ = model.written()
    stored = load_file(SHAPES / "p_tuning" / WEIGHTS)["prompt_embeddings"]
    assert off(written, stored) < 2e-6
    assert np.array_equal(model.without_encoder().prompt.data, written)


def test_the_gradient_that_peft_hands_down_through_c3a_is_not_its_own():
    """PEFT 0.21 takes a correlation where its forward pass asks for a convolution: the topmost
    layer's kernel has the right gradient, and those below it have not."""
    expected = load_file(SHAPES / "c3a" / "expected.safetensors")
    theirs = {n: g for n, g in expected.items() if n.startswith("peft_grad.")}
    gaps = {n: off(g, expected[n.removeprefix("peft_")]) for n, g in theirs.items()}
    assert max(gap for n, gap in gaps.items() if "mlp" in n) < 2e-6
    assert min(gap for n, gap in gaps.items() if "attn" in n) > 0.01


def test_places_outside_a_weight_are_refused(tmp_path):
    arrays = load_file(SHAPES / "shira" / WEIGHTS)
    name = next(n for n in arrays if n.endswith("shira_indices"))
    (tmp_path / CONFIG).write_text((SHAPES / "shira" / CONFIG).read_text())
    for wrong in (-1, 99):
        arrays[name][0, 0] = wrong
        save_file(arrays, tmp_path / WEIGHTS)
        with pytest.raises(ValueError, match=r"shira_indices: expected places in \(out, in\)"):
            load_adapter(load_llama(SHAPES / "base"), tmp_path)


@pytest.mark.parametrize(
    "name, other, expected",
    [
        ("miss", {"init_weights": "bat"}, "MISS: expected init_weights True or 'mini', got 'bat'"),
        ("oft", {"coft": True}, "OFT: expected coft False, got True.*run it once"),
    ],
)
def test_another_form_of_a_method_is_refused_by_its_name(name, other, expected, tmp_path):
    config = json.loads((SHAPES / name / CONFIG).read_text())
    (tmp_path / CONFIG).write_text(json.dumps(config | other))
    (tmp_path / WEIGHTS).write_bytes((SHAPES / name / WEIGHTS).read_bytes())
    with pytest.raises(ValueError, match=expected):
        load_adapter(load_llama(SHAPES / "base"), tmp_path)
