"""A mistake is told by its name, and a law's inputs are the same at every run."""

import numpy as np
import pytest

from conformance.mutants_numbers import Blocks
from conformance.mutants_objectives import softmax
from conformance.reference import Reference
from lora_np.conformance import check
from lora_np.conformance.ours import Objectives
from lora_np.quant import CODEBOOK

LESSER, SIZE = "ppo_takes_the_lesser_gain", "distillation_keeps_its_size_at_any_temperature"


def gains(logp, old_logp, advantages, clip):
    ratio = np.exp(logp - old_logp)
    return ratio * advantages, np.clip(ratio, 1 - clip, 1 + clip) * advantages


PPO = {
    "always clipped": lambda free, clipped: -clipped.mean(),
    "never clipped": lambda free, clipped: -free.mean(),
    "the sign": lambda free, clipped: np.minimum(free, clipped).mean(),
}


def other_way_round(z, teacher, T):
    """dlogits of T²·KL(student ‖ teacher)."""
    p, q = softmax(z / T), softmax(teacher / T)
    log = np.log(p / q)
    return T * p * (log - (p * log).sum(axis=-1, keepdims=True))


DISTILLATION = {
    "T² is missing": lambda z, t, T: (softmax(z / T) - softmax(t / T)) / T,
    "T in place of T²": lambda z, t, T: softmax(z / T) - softmax(t / T),
    "the other way round": other_way_round,
    "softens the student alone": lambda z, t, T: T * (softmax(z / T) - softmax(t)),
}


class TwiceScaled(Reference):
    """The scale is in forward's branch, and backward puts it in again."""

    def gradients(self, layer, x, dy):
        right = super().gradients(layer, x, dy)
        return right | {name: self.scale(layer) * right[name] for name in "AB"}


@pytest.mark.parametrize("law", ["dA_is_the_derivative", "dB_is_the_derivative"])
def test_what_was_done_to_a_factors_gradient(law):
    report = check(TwiceScaled(), [law], shrink=False)
    assert report.broken and "the scale is used twice" in str(report)


class Symmetric(Blocks):
    levels = np.concatenate([-CODEBOOK[:8:-1], [0], CODEBOOK[9:]])


def test_what_was_done_to_the_sixteen_levels():
    report = check(Symmetric(), ["sixteen_levels_are_reached"], shrink=False)
    assert report.broken and "the table is symmetric" in str(report)


class TwoAxesAlone(Reference):
    """Right for x (rows, in), and an error for x (batch, tokens, in)."""

    def gradients(self, layer, x, dy):
        rows, width = x.shape
        return super().gradients(layer, x.reshape(rows, width), dy)


def test_an_exception_is_told_alone_without_a_guess_or_a_lesson():
    report = check(TwoAxesAlone(), ["dA_is_the_derivative"])
    (outcome,), numbers = report.broken, report.as_numbers()["laws"][0]
    assert outcome.what.startswith("ValueError: ") and "rows, width = x.shape" in outcome.what
    assert outcome.inputs["x"].ndim == 3 and outcome.mistake == numbers["mistake"] == ""
    assert "x (1, " in str(report)
    assert "likely" not in str(report) and "read:" not in str(report)


def told(law, **functions):
    report = check(functions, [law], shrink=False)
    assert len(report.broken) == 1
    return str(report)


@pytest.mark.parametrize("mistake", PPO)
def test_what_was_done_to_ppos_loss(mistake):
    def ppo(*given):
        return PPO[mistake](*gains(*given)), np.zeros_like(given[0])

    assert mistake in told(LESSER, ppo=ppo)


@pytest.mark.parametrize("mistake", DISTILLATION)
def test_what_was_done_to_distillations_gradient(mistake):
    def distillation(logits, teacher, temperature):
        return 0.0, DISTILLATION[mistake](logits, teacher, temperature) / logits[..., 0].size

    assert mistake in told(SIZE, distillation=distillation)


DPO = {
    "the reference is left out": lambda c, r, rc, rr, beta: beta * (c - r),
    "chosen and rejected are swapped": lambda c, r, rc, rr, beta: beta * (r - rr - c + rc),
    "beta is missing": lambda c, r, rc, rr, beta: (c - rc) - (r - rr),
}


@pytest.mark.parametrize("mistake", DPO)
def test_what_was_done_to_dpos_margin(mistake):
    def dpo(*given):
        return np.logaddexp(0, -DPO[mistake](*given)).mean()

    assert mistake in told("swapping_a_pair_gives_the_margin_back", dpo=dpo)


LARGEST = {  # what is taken off the logits before exp
    "nothing": lambda z: 0 * z,
    "the largest, if it is above 0": lambda z: z.max(axis=-1, keepdims=True, initial=0),
    "the smallest, if it is below 0": lambda z: z.min(axis=-1, keepdims=True, initial=0),
}


@pytest.mark.parametrize("taken", LARGEST)
def test_logits_are_large_on_both_sides_of_zero(taken):
    def cross_entropy(logits, targets, counts):
        z = logits - LARGEST[taken](logits)
        nll = np.log(np.exp(z).sum(axis=-1)) - (z * np.eye(z.shape[-1])[targets]).sum(axis=-1)
        return (nll * counts).sum() / counts.sum(), None

    assert "added to all logits" in told("large_logits_are_no_trouble", cross_entropy=cross_entropy)


def test_the_objectives_hold_on_ten_inputs_each_from_generators_with_a_seed(monkeypatch):
    seeded = np.random.default_rng

    def only_seeded(seed=None):
        assert seed is not None
        return seeded(seed)

    monkeypatch.setattr(np.random, "default_rng", only_seeded)
    assert not check(Objectives, examples=10, shrink=False).broken
    assert not check(Reference(), examples=1, shrink=False).broken
