"""AdaLoRA's ranks while training: PEFT's own steps, and what every allocation must do."""

import numpy as np
import pytest

from golden.readers.golden_shapes import SHAPES, adapted
from helpers.models import small_gpt, some_tokens
from helpers.safetensors_files import load_file
from lora_np.methods import AdaLoRA, LoRA
from lora_np.methods.low_rank.adalora import AdaLoRALinear
from lora_np.methods.targets import layers_of
from lora_np.objectives import cross_entropy
from lora_np.tasks import next_token
from lora_np.train import SGD, AdamW, train
from lora_np.train.rank_allocation import RankAllocation, allocating

RNG = np.random.default_rng


def triplets(model):
    return {name: (e.E.data, e.A.data, e.B.data) for name, e in layers_of(model, AdaLoRALinear)}


def test_nine_steps_leave_what_peft_leaves():
    """Descent with PEFT's schedule, from PEFT's file to PEFT's file: the same triplets are left,
    and their numbers are PEFT's (whose norms are in float32, and nine steps widen that)."""
    expected = load_file(SHAPES / "adalora" / "expected.safetensors")
    model = adapted("adalora").astype(np.float64)
    inner = SGD(model.trainable_parameters(), 0.02)
    optimizer = RankAllocation(inner, model, 9, warmup=1, last=2, every=2, apart=0)
    for _ in range(9):
        model.backward(expected["dlogits"].astype(np.float64), model.forward(expected["tokens"])[1])
        optimizer.step()
    theirs = triplets(adapted("adalora_pruned"))
    for name, (E, A, B) in triplets(model).items():
        left = E != 0
        for ours, each in zip((E[left], A[:, left], B[left]), theirs[name], strict=True):
            assert ours.shape == each.shape and np.abs(ours - each).max() < 1e-4


def training(steps, **options):
    model = AdaLoRA(3, 3.0, 2).apply(small_gpt(), RNG(0))
    optimizer = allocating(AdamW(model.trainable_parameters(), 1e-2), model, 20)
    batches = iter(lambda: next_token(some_tokens()), None)
    train(model, batches, cross_entropy, optimizer, steps=steps, progress=False, **options)
    return model


def test_the_budget_is_met_and_stays_met():
    left = [np.count_nonzero(E) for E, _, _ in triplets(training(20)).values()]
    assert sum(left) == 2 * len(left) and max(left) > min(left)


def test_a_resumed_run_is_the_run(tmp_path):
    whole = training(20)
    training(9, checkpoint=tmp_path / "state")
    resumed = training(20, checkpoint=tmp_path / "state", resume=True)
    for one, two in zip(whole.trainable_parameters(), resumed.trainable_parameters()):
        assert one.data.tobytes() == two.data.tobytes()


def test_the_penalty_drives_directions_apart():
    """Its gradient, against the change of Σ‖AᵀA − I‖² + ‖BBᵀ − I‖² along it."""

    def penalty(model):
        both = ((A.T @ A, B @ B.T) for _, A, B in triplets(model).values())
        return sum(((p - np.eye(len(p))) ** 2).sum() for pair in both for p in pair)

    model = AdaLoRA(2, 3.0).apply(small_gpt(), RNG(0))
    before = penalty(model)
    optimizer = RankAllocation(SGD(model.trainable_parameters(), 1e-5), model, 9, apart=1.0)
    learn = model.trainable_parameters()
    start = [p.data.copy() for p in learn]
    for p in learn:
        p.grad = np.zeros_like(p.data)
    optimizer.step()
    squared = sum(((p.data - old) ** 2).sum() for p, old in zip(learn, start)) / 1e-10
    assert penalty(model) - before == pytest.approx(-1e-5 * squared, rel=1e-3)


def test_what_has_no_gradient_has_no_sensitivity():
    """A step may reach some layers alone: the others' averages fall, from nothing to nothing."""
    model = AdaLoRA(2, 3.0).apply(small_gpt(), RNG(0))
    optimizer = RankAllocation(SGD(model.trainable_parameters(), 0.1), model, 9, apart=1.0)
    optimizer.layers[0].A.grad = np.ones_like(optimizer.layers[0].A.data)
    optimizer.step()
    moved = [average.any() for average in optimizer.averages]
    assert moved == [False, True] + [False] * (len(moved) - 2)  # of E, A, B, E, …


def test_by_the_last_cut_nothing_is_averaged_any_more():
    """As in PEFT: the triplets left are chosen by the steps before it, not by its own."""
    model = AdaLoRA(2, 3.0).apply(small_gpt(), RNG(0))
    optimizer, seen = RankAllocation(SGD(model.trainable_parameters(), 0.1), model, 5, last=2), []
    for _ in range(5):
        for p in model.trainable_parameters():
            p.grad = np.ones_like(p.data)
        optimizer.step()
        seen.append([average.tobytes() for average in optimizer.averages])
    assert seen[1] != seen[2] == seen[3] == seen[4]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_its_state_is_whole_numbers_and_the_weights_own_kind(dtype):
    model = AdaLoRA(2, 3.0).apply(small_gpt(dtype=dtype), RNG(0))
    state = RankAllocation(AdamW(model.trainable_parameters()), model, 9).state()
    assert {array.dtype.type for array in state.values()} == {dtype, np.int64}
    assert state["ranks.steps"].dtype == np.int64


def test_other_methods_keep_their_optimizer():
    model = LoRA(2).apply(small_gpt(), RNG(0))
    optimizer = AdamW(model.trainable_parameters())
    assert allocating(optimizer, model, 9) is optimizer
