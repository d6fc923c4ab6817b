"""The one file computes what the package computes, to the bit where both round alike."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.models import moved, small_gpt
from lora_np import AdamW, QLoRA, cross_entropy, nano, next_token
from lora_np.checkpoint import load_model, save_gpt2
from lora_np.gradcheck import numerical_gradient
from lora_np.nn import GPT, GPTConfig
from lora_np.quant.nf4 import CODEBOOK, quantize_nf4
from lora_np.tasks.text import Text
from lora_np.train import held_out_loss, train

FILE = Path(nano.__file__)
BASE = FILE.parent / "data" / "base" / "model.safetensors"
SMALL = GPTConfig(vocab_size=11, n_positions=12, n_embd=8, n_layer=2, n_head=4)
SEEDS, STEPS, SHAPE = (0, 1, 2), 20, {"batch_size": 4, "length": 64}


@pytest.fixture
def small(monkeypatch):
    """(the package's QLoRA on a small GPT, nano's on the same numbers), A and B away from 0."""
    monkeypatch.setattr(nano, "RANK", 3)
    base = small_gpt(SMALL)
    theirs = moved(QLoRA(3, nano.ALPHA, "all-linear").apply(base, np.random.default_rng(0)))
    tensors = {name: p.data for name, p in base.named_parameters()}
    return theirs, same_factors(nano.GPT(tensors, np.random.default_rng(0)), theirs)


def same_factors(ours, theirs):
    for layer, (_, other) in zip(ours.linears, theirs.linears()):
        layer.A[...], layer.B[...] = other.A.data, other.B.data
    return ours


def gradients(model):
    return [g for layer in model.linears for g in (layer.dA, layer.dB)]


def relative(ours, theirs):
    return max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(ours, theirs))


def windows(vocabulary, B=3, T=9, seed=0):
    return np.random.default_rng(seed).integers(0, vocabulary, (B, T + 1))


def test_it_is_at_most_250_lines_that_import_only_numpy_and_the_standard_library():
    source = FILE.read_text("utf-8")
    lines = source.splitlines()
    assert len(lines) <= 250 and max(map(len, lines)) <= 100
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(node.module.split(".")[0])
    assert found - sys.stdlib_module_names == {"numpy"}


def test_every_gradient_says_which_line_it_undoes():
    source = FILE.read_text("utf-8")
    lines, found = source.splitlines(), 0
    backwards = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name == "backward"
    ]
    for node in (each for backward in backwards for each in ast.walk(backward)):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [ast.unparse(target).removeprefix("self.") for target in targets if target]
        computed = ast.unparse(node.value) if isinstance(node, ast.Return | ast.Assign) else ""
        same = ("dx", "dy.reshape(-1, dy.shape[-1])")  # no new numbers
        if any(re.fullmatch(r"d\w+", name) for name in names) and computed not in same:
            assert "# undoes " in lines[node.lineno - 1], lines[node.lineno - 1]
            found += 1
    assert len(backwards) == 5 and found > 12


def test_the_sixteen_numbers_are_the_packages_to_the_bit():
    assert nano.CODEBOOK.tobytes() == CODEBOOK.tobytes()


@given(
    seed=st.integers(0, 2**32 - 1),
    blocks=st.integers(1, 40),
    block_size=st.sampled_from([2, 16, 32, 64, 128]),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
    zero=st.booleans(),
)
def test_its_bytes_are_the_packages(seed, blocks, block_size, dtype, zero):
    rng = np.random.default_rng(seed)
    spread = 10.0 ** rng.integers(-4, 3)
    array = (spread * rng.standard_normal((blocks, block_size))).astype(dtype)
    array[0] *= not zero
    packed, absmax, shape = ours = nano.quantize_nf4(array, block_size)
    theirs = quantize_nf4(array, block_size)
    assert packed.tobytes() == theirs.codes.tobytes()
    assert absmax.tobytes() == theirs.absmax.tobytes() and shape == theirs.shape
    assert nano.dequantize_nf4(*ours).tobytes() == theirs.dequantize().tobytes()


def test_the_packaged_base_is_read_and_rounded_to_the_same_bytes():
    theirs = QLoRA(targets="all-linear").apply(load_model()[0], np.random.default_rng(0))
    tensors = nano.read_safetensors(BASE)
    kept = {name: p for name, p in theirs.named_parameters() if name in tensors}
    assert all(p.data.tobytes() == tensors[name].tobytes() for name, p in kept.items())
    ours = nano.GPT(tensors, np.random.default_rng(0))
    for layer, (name, other) in zip(ours.linears, theirs.linears()):
        assert layer.nf4[0].tobytes() == other.base.quantized.codes.tobytes(), name
        assert layer.nf4[1].tobytes() == other.base.quantized.absmax.tobytes(), name
        np.testing.assert_allclose(layer.A, other.A.data, rtol=1e-6)
        assert not layer.B.any() and not other.B.data.any()


def test_logits_loss_and_gradients_are_the_packages(small):
    """In float64, relative to the largest number of each array; its dequantized W is float32."""
    theirs, ours = small
    batch = next_token(windows(SMALL.vocab_size))
    logits, cache = theirs.forward(batch.tokens)
    loss, dlogits = cross_entropy(logits, batch)
    theirs.backward(dlogits.copy(), cache)
    our_logits, our_caches = ours.forward(batch.tokens)
    our_loss, our_dlogits = nano.cross_entropy(our_logits, batch.targets)
    ours.backward(our_dlogits, our_caches)
    assert our_logits.dtype == np.float64 and not our_caches
    assert relative([our_logits, our_dlogits, our_loss], [logits, dlogits, loss]) < 1e-12
    learnt = [p.grad for _, layer in theirs.linears() for p in (layer.A, layer.B)]
    assert relative(gradients(ours), learnt) < 1e-12


def test_its_gradients_are_the_finite_differences(small):
    """Through the tied head, ln_f and every branch, to each number of each A and B."""
    _, ours = small
    tokens = windows(SMALL.vocab_size, B=2, T=5)
    tokens, targets = tokens[:, :-1], tokens[:, 1:]

    def loss():
        return float(nano.cross_entropy(ours.forward(tokens)[0], targets)[0])

    logits, caches = ours.forward(tokens)
    ours.backward(nano.cross_entropy(logits, targets)[1], caches)
    learns = [w for layer in ours.linears for w in (layer.A, layer.B)]
    assert relative(gradients(ours), [numerical_gradient(loss, w) for w in learns]) < 1e-7


def test_gradients_add_up_until_a_step_clears_them(small):
    _, ours = small
    tokens = windows(SMALL.vocab_size)
    added = []
    for _ in range(2):
        logits, caches = ours.forward(tokens[:, :-1])
        ours.backward(nano.cross_entropy(logits, tokens[:, 1:])[1], caches)
        added.append([g.copy() for g in gradients(ours)])
    assert relative(added[1], [2 * g for g in added[0]]) < 1e-12
    nano.AdamW(ours.linears).step(0.1)
    assert not any(g.any() for g in gradients(ours))


@pytest.fixture
def text(monkeypatch):
    """Python's own code, read in short windows for a few steps."""
    monkeypatch.setattr(nano, "BATCH", SHAPE["batch_size"])
    monkeypatch.setattr(nano, "LENGTH", SHAPE["length"])
    monkeypatch.setattr(nano, "STEPS", STEPS)
    monkeypatch.setattr(nano, "write", lambda *arguments: "")
    return nano.read_python()


def both_trained(text, dtype, seed):
    """(nano's model, the package's), trained alike from one seed: same start, same windows."""
    tensors = {name: array.astype(dtype) for name, array in nano.read_safetensors(BASE).items()}
    rng = np.random.default_rng(seed)
    ours = nano.GPT(tensors, rng)
    nano.train(ours, *text, rng)
    rng = np.random.default_rng(seed)
    method = QLoRA(nano.RANK, nano.ALPHA, "all-linear", block_size=nano.BLOCK)
    theirs = method.apply(load_model()[0].astype(dtype), rng)
    optimizer = AdamW(theirs.trainable_parameters(), lr=nano.RATE, weight_decay=nano.DECAY)
    batches, steps = Text("code", *text).batches(rng, **SHAPE), nano.STEPS
    settings = {"steps": steps, "schedule": lambda step: 1 - step / steps, "clip": None}
    train(theirs, batches, cross_entropy, optimizer, **settings)
    return ours, theirs


@pytest.mark.long
def test_a_run_of_ten_steps_leaves_the_same_factors(text, monkeypatch):
    """In float64: after them A and B differ by a millionth of the largest number at most."""
    monkeypatch.setattr(nano, "STEPS", 10)
    ours, theirs = both_trained(text, np.float64, seed=0)
    learnt = [w for layer in ours.linears for w in (layer.A, layer.B)]
    same = [p.data for _, layer in theirs.linears() for p in (layer.A, layer.B)]
    assert all(w.any() for w in learnt) and relative(learnt, same) < 1e-6


@pytest.mark.long
def test_its_losses_lie_within_the_packages_spread(text):
    """In float32, as it runs: a pair a seed differs by far less than seeds do."""
    _, held_out = text
    starts = np.linspace(0, len(held_out) - nano.LENGTH - 1, 8 * nano.BATCH).astype(int)
    batch = next_token(held_out[starts[:, None] + np.arange(nano.LENGTH + 1)])
    before = held_out_loss(load_model()[0], [batch], cross_entropy)
    ours, theirs = [], []
    for seed in SEEDS:
        model, other = both_trained(text, np.float32, seed)
        ours.append(nano.held_out_loss(model, held_out))
        theirs.append(held_out_loss(other, [batch], cross_entropy))
    assert np.abs(np.subtract(ours, theirs)).max() < 0.1 * np.ptp(theirs)
    assert max(ours) < before - 0.1


def starts(command, folder):
    """The first lines of a run, up to the first sample's end; the rest is not waited for."""
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-W", "error", "-u", *command]
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as run:
        lines = [run.stdout.readline() for _ in range(2)]
        run.kill()
    return lines


@pytest.mark.long
def test_it_runs_as_a_module_of_the_package():
    first, sample = starts(["-m", "lora_np.nano"], FILE.parents[1])
    assert re.fullmatch(r"step 0, held-out loss \d\.\d+\n", first)
    assert sample.startswith("def ")


def test_a_lone_copy_runs_beside_a_checkpoint(tmp_path):
    """Which need not be the packaged one: its sizes are read from its shapes, but for the heads."""
    config = GPTConfig(vocab_size=257, n_positions=128, n_embd=16, n_layer=1, n_head=4)
    save_gpt2(GPT(config, np.random.default_rng(0)), tmp_path)
    shutil.copy(FILE, tmp_path)
    first, sample = starts(["nano.py"], tmp_path)
    assert abs(float(first.split()[-1]) - np.log(257)) < 0.1  # it knows nothing yet
    assert sample.startswith("def ")
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"nano.py", "model.safetensors", "config.json"}
