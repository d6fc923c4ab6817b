"""Lessons 10 and 10b: what teaches."""

import numpy as np
from hypothesis import strategies as st

from ...gradcheck import numerical_gradient
from ...nn.functional import log_softmax
from .exercise import Exercise
from .inputs import Broken, expect, same, tenths
from .laws_policy import EXERCISES as POLICY

DISTIL = Exercise("10.1", "Distillation with hard labels", "implement", answer="distil", points=3)


@st.composite
def pairs_of_models(draw):
    """{student, teacher, labels, tau, hard}: logits (N, K) of both, right answers (N,), a
    temperature that is not 1, and the share of the hard labels."""
    n, k = draw(st.integers(2, 3), label="N"), draw(st.integers(2, 4), label="K")
    seed, tau = draw(st.integers(0, 99), label="seed"), draw(st.sampled_from([2.0, 0.5]))
    return {
        "student": tenths([seed, 0], n, k), "teacher": tenths([seed, 1], n, k),
        "labels": np.random.default_rng(seed).integers(0, k, n), "tau": tau,
        "hard": draw(st.sampled_from([0.25, 0.5]), label="hard"),
    }  # fmt: skip


def distillation_loss(student, teacher, labels, tau, hard):
    logp, logp_teacher = log_softmax(student / tau), log_softmax(teacher / tau)
    soft = tau * tau * (np.exp(logp_teacher) * (logp_teacher - logp)).sum() / len(student)
    right = -log_softmax(student)[np.arange(len(student)), labels].mean()
    return hard * right + (1 - hard) * soft


@DISTIL.law(
    "with no hard labels, a student that equals its teacher gets no gradient", pairs_of_models()
)
def zero_at_the_teacher(distil, student, teacher, labels, tau, hard):
    """Both sides are divided by τ before the softmax."""
    got = distil(teacher.copy(), teacher, labels, tau, 0.0)
    same("dlogits at the teacher", got, np.zeros(teacher.shape))


@DISTIL.law("with hard labels alone, the teacher does not count", pairs_of_models())
def hard_alone(distil, student, teacher, labels, tau, hard):
    """`hard` is the share of the one, and 1 - `hard` that of the other."""
    one, other = (distil(student, sign * teacher, labels, tau, 1.0) for sign in (1, -1))
    same("dlogits with another teacher", other, one)


@DISTIL.law("with no hard labels, a step against it lowers the loss", pairs_of_models())
def points_the_right_way(distil, student, teacher, labels, tau, hard):
    """The optimizer subtracts dlogits: p less what it is to become, not the other way round."""
    before = distillation_loss(student, teacher, labels, tau, 0.0)
    moved = student - 0.01 * np.asarray(distil(student, teacher, labels, tau, 0.0))
    same("the shape of dlogits", np.zeros(moved.shape), np.zeros(student.shape))
    after = distillation_loss(moved, teacher, labels, tau, 0.0)
    expect(after < before + 1e-12, "a small step raised the loss")


@DISTIL.law("it is the derivative of the mixed loss, a mean over rows", pairs_of_models())
def matches_differences(distil, student, teacher, labels, tau, hard):
    """Of τ², one τ is left: z/τ brings a 1/τ with it. The hard labels know no τ at all. And the
    mean divides by the rows."""
    true = numerical_gradient(
        lambda: distillation_loss(student, teacher, labels, tau, hard), student
    )
    same("dlogits", distil(student, teacher, labels, tau, hard), true, 1e-6)


DPO = Exercise("10.2", "DPO's gradient", "implement", answer="dpo", points=4)


@st.composite
def preferences(draw):
    """{logits, tokens, reference, beta}: two pairs of texts (4, T), the preferred ones first."""
    T, k = draw(st.integers(2, 3), label="T"), draw(st.integers(2, 4), label="K")
    seed = draw(st.integers(0, 99), label="seed")
    beta = draw(st.sampled_from([0.5, 2.0]), label="beta")
    return {
        "logits": tenths([seed, 0], 4, T, k),
        "beta": beta,
        "tokens": np.random.default_rng([seed, 1]).integers(0, k, (4, T)),
        "reference": tenths([seed, 2], 4) - 3,
    }


def text_logprobs(logits, tokens):
    return np.take_along_axis(log_softmax(logits), tokens[..., None], axis=2)[..., 0].sum(axis=1)


def dpo_loss(logits, tokens, reference, beta):
    delta = text_logprobs(logits, tokens) - reference
    return np.logaddexp(0, -beta * (delta[0::2] - delta[1::2])).mean()


@DPO.law("the preferred text becomes likelier, the other one less", preferences())
def moves_both_ways(dpo, logits, tokens, reference, beta):
    """-log sigmoid(lead) falls when the lead rises: which sign has the gradient of each text?"""
    dlogits = np.asarray(dpo(logits, tokens, reference, beta))
    same("the shape of dlogits", np.zeros(dlogits.shape), np.zeros(logits.shape))
    at_the_tokens = np.take_along_axis(dlogits, tokens[..., None], axis=2)[..., 0]
    expect(
        (at_the_tokens[0::2] <= 0).all() and (at_the_tokens[1::2] >= 0).all(),
        "a token of a preferred text would become less likely, or the reverse",
    )


@DPO.law("the reference counts: its log-probabilities move the gradient", preferences())
def reference_counts(dpo, logits, tokens, reference, beta):
    """Δ = log π - log π_ref. A pair that the reference already tells apart teaches less."""
    one = np.asarray(dpo(logits, tokens, reference, beta))
    other = np.asarray(dpo(logits, tokens, reference + np.array([1, -1, 1, -1]), beta))
    expect(not np.allclose(one, other), "another reference gave the same gradient")


@DPO.law("it is the derivative of the mean of -log sigmoid(β(Δ₊ - Δ₋))", preferences())
def matches_the_loss(dpo, logits, tokens, reference, beta):
    """A text's log-probability is a sum over its tokens, no mean. β stands before the brackets
    and so also before its derivative; sigmoid(-lead) tells how wrong the pair still is."""
    true = numerical_gradient(lambda: dpo_loss(logits, tokens, reference, beta), logits)
    same("dlogits", dpo(logits, tokens, reference, beta), true, 1e-6)


CLIP = Exercise("10.3", "PPO's clip", "implement", answer="slope", points=3)


@st.composite
def ratios(draw):
    """{ratio, advantage, clip}: some inside the clip, some beyond it on either side."""
    n, seed = draw(st.integers(2, 4), label="n"), draw(st.integers(0, 99), label="seed")
    ratio = np.random.default_rng(seed).choice([0.5, 0.7, 0.95, 1.05, 1.4, 2.0], n)
    return {"ratio": ratio, "advantage": tenths([seed, 1], n), "clip": 0.2}


def ppo_loss(logratio, advantage, clip):
    ratio = np.exp(logratio)
    return -np.minimum(ratio * advantage, np.clip(ratio, 1 - clip, 1 + clip) * advantage)


@CLIP.law("inside the clip it is -ρ·Â", ratios())
def free_inside(slope, ratio, advantage, clip):
    """L = -ρÂ there, and dρ/dlog π = ρ, with ρ = π/π_old."""
    inside = np.abs(ratio - 1) < clip
    got = np.asarray(slope(ratio, advantage, clip))
    same("the shape", np.zeros(got.shape), np.zeros(ratio.shape))
    same("the slope inside", got[inside], (-ratio * advantage)[inside])


@CLIP.law("0 exactly where ρ has gone beyond the clip the way Â asks", ratios())
def flat_where_it_binds(slope, ratio, advantage, clip):
    """Good tokens (Â > 0) stop at 1 + clip, bad ones at 1 - clip."""
    binds = np.where(advantage > 0, ratio > 1 + clip, ratio < 1 - clip)
    got = np.asarray(slope(ratio, advantage, clip))
    expect((got[binds] == 0).all(), f"not 0 at ρ {ratio[binds]}, Â {advantage[binds]}")


@CLIP.law("beyond the clip the wrong way, the way back is open", ratios())
def the_minimum_lets_it_back(slope, ratio, advantage, clip):
    """The clipped branch counts only where it is the smaller: that is what the minimum is for."""
    h = 1e-6
    up, down = (ppo_loss(np.log(ratio) + d, advantage, clip) for d in (h, -h))
    same("the slope", slope(ratio, advantage, clip), (up - down) / (2 * h), 1e-5)


BETA = Exercise("10.4", "Choose beta", "predict and explain", answer="chosen", points=2)


def curves():
    """Five simulated trainings: {"beta", "KL", "learned", "true"}, a number for each.

    True reward over the distance d = √KL follows d·(a − b·log d), learned reward nearly rises with
    d: the shapes that Gao, Schulman & Hilton 2022 (arXiv 2210.10760, §3) measured.
    """
    KL = np.array([36.0, 16.0, 6.0, 2.0, 0.5])  # the smaller beta, the farther it gets
    d = np.sqrt(KL)
    return {
        "beta": np.array([0.0, 0.02, 0.05, 0.1, 0.5]),
        "KL": KL,
        "learned": 1.1 * d - 0.02 * d * d,
        "true": d * (1.1 - 0.6 * np.log(d)),
    }


@BETA.law("it is an index of the table")
def is_an_index(chosen):
    """0 is the first row."""
    if isinstance(chosen, bool) or chosen not in range(5):
        raise Broken(f"expected a whole number from 0 to 4, got {chosen!r}")


@BETA.law("no other beta ends at a higher true reward")
def is_best_in_truth(chosen):
    """The learned reward is what training pushes up, so it cannot be the judge of training. And
    the smallest KL is had by not training at all."""
    true = curves()["true"]
    expect(
        true[chosen] == true.max(),
        f"row {chosen} has true reward {true[chosen]:.2f}, and another row has more",
    )


EXERCISES = [DISTIL, DPO, CLIP, BETA, *POLICY]
