"""Every objective obeys its laws; broken ones do not; what each refuses."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.objective_cases import CASES
from contracts.objective_laws import LAWS
from lora_np.nn.functional import log_sigmoid, softmax_forward
from lora_np.objectives import (
    DPO,
    PPO,
    Distillation,
    VerbalizedCrossEntropy,
    bradley_terry,
    cross_entropy,
    group_advantages,
)
from lora_np.tasks import TaughtBatch

SEEDS = st.integers(0, 2**32 - 1)
EVERY = [(name, law) for name in CASES for law in LAWS[name]]


@pytest.mark.parametrize(("name", "law"), EVERY, ids=[f"{n}-{w.__name__}" for n, w in EVERY])
@settings(max_examples=20)
@given(seed=SEEDS)
def test_law(name, law, seed):
    law(CASES[name].objective, CASES[name], seed)


# Each mutant is the wrong answer that someone who writes the formula down by hand arrives at.
def labels_in_the_other_order(logits, batch):
    return VerbalizedCrossEntropy((1, 3))(logits, batch)


def labels_taken_for_tokens(logits, batch):
    return cross_entropy(logits, batch)


def all_words_compete(logits, batch):
    return cross_entropy(logits, replace(batch, targets=np.array([3, 1])[batch.targets % 2]))


def gradient_in_the_labels_columns(logits, batch):
    loss, dlogits = VerbalizedCrossEntropy((3, 1))(logits, batch)
    return loss, np.roll(dlogits, -1, axis=-1)


def without_t_squared(logits, batch):
    loss, dlogits = Distillation(1e5)(logits, batch)
    return loss / 1e10, dlogits / 1e10


def temperature_on_the_student_only(logits, batch):
    return Distillation(2.5)(logits, replace(batch, teacher_logits=2.5 * batch.teacher_logits))


def distillation_divided_by_the_shard(logits, batch):
    return Distillation(2.5)(logits, replace(batch, total=None))


def distillation_of_the_wrong_sign(logits, batch):
    loss, dlogits = Distillation(2.5)(logits, batch)
    return -loss, -dlogits


def rewards_of_the_wrong_sign(logits, batch):
    loss, dlogits = bradley_terry(-logits, batch)
    return loss, -dlogits


def without_the_reference(logits, batch):
    return DPO(0.3)(logits, replace(batch, reference_logprobs=np.zeros(len(batch))))


def without_beta(logits, batch):
    return DPO(1.0)(logits, batch)


def mean_over_tokens(logits, batch):
    mean = batch.weights / batch.weights.sum(axis=1, keepdims=True)
    return DPO(0.3)(logits, replace(batch, weights=mean))


def without_the_minimum(logits, batch):
    """The clipped surrogate alone: flat on both sides, whatever the advantage's sign."""
    loss, dlogits = PPO(0.2)(logits, batch)
    opposite = replace(batch, advantages=-batch.advantages)
    flat = ~PPO(0.2)(logits, opposite)[1].any(axis=-1)
    return loss, np.where(flat[..., None], 0, dlogits)


def without_the_clip(logits, batch):
    return PPO(1e6)(logits, batch)


def ratio_upside_down(logits, batch):
    _, dlogits = PPO(0.2)(logits, batch)
    return PPO(0.2)(logits, batch)[0], -dlogits


def advantage_of_the_wrong_sign(logits, batch):
    return PPO(0.2)(logits, replace(batch, advantages=-batch.advantages))


MUTANTS = [
    ("verbalizer", labels_in_the_other_order),
    ("verbalizer", labels_taken_for_tokens),
    ("verbalizer", all_words_compete),
    ("verbalizer", gradient_in_the_labels_columns),
    ("distillation", without_t_squared),
    ("distillation", temperature_on_the_student_only),
    ("distillation", distillation_divided_by_the_shard),
    ("distillation", distillation_of_the_wrong_sign),
    ("reward model", rewards_of_the_wrong_sign),
    ("DPO", without_the_reference),
    ("DPO", without_beta),
    ("DPO", mean_over_tokens),
    ("PPO", without_the_minimum),
    ("PPO", without_the_clip),
    ("PPO", ratio_upside_down),
    ("PPO", advantage_of_the_wrong_sign),
]


def assert_caught(name, objective):
    @settings(
        phases=[Phase.generate],
        max_examples=10,
        report_multiple_bugs=False,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=SEEDS)
    def every_law(seed):
        for law in LAWS[name]:
            law(objective, CASES[name], seed)

    with pytest.raises(AssertionError):
        every_law()


@pytest.mark.parametrize(("name", "mutant"), MUTANTS, ids=[m.__name__ for _, m in MUTANTS])
def test_mutant_is_caught(name, mutant):
    assert_caught(name, mutant)


@given(seed=SEEDS)
def test_hard_labels_alone_are_cross_entropy(seed):
    logits, batch = CASES["distillation"](seed)
    loss, dlogits = Distillation(3.0, hard=1.0)(logits, batch)
    expected, dexpected = cross_entropy(logits, batch)
    assert loss == expected and np.array_equal(dlogits, dexpected)


@given(seed=SEEDS, T=st.floats(0.3, 8))
def test_distillation_is_t_squared_kl(seed, T):
    logits, batch = CASES["distillation"](seed)
    q, p = softmax_forward(batch.teacher_logits / T)[0], softmax_forward(logits / T)[0]
    kl = (q * np.log(q / p)).sum(axis=-1)
    expected = T * T * (batch.weights * kl).sum() / batch.total
    assert abs(Distillation(T)(logits, batch)[0] - expected) < 1e-12


@given(seed=SEEDS)
def test_dpo_is_the_reward_models_loss_on_implicit_rewards(seed):
    """β·(log π − log π_ref) is the reward that DPO learns without a reward model."""
    logits, batch = CASES["DPO"](seed)
    counted = np.where(batch.weights > 0, batch.targets, 0)
    logp = np.log(np.take_along_axis(softmax_forward(logits)[0], counted[..., None], -1))[..., 0]
    rewards = 0.3 * ((batch.weights * logp).sum(axis=1) - batch.reference_logprobs)
    first = np.zeros_like(batch.weights)
    first[:, 0] = 1
    as_rewards = np.repeat(rewards[:, None], logits.shape[1], axis=1)[..., None]
    loss, _ = bradley_terry(as_rewards, replace(batch, weights=first))
    assert abs(DPO(0.3)(logits, batch)[0] - loss) < 1e-12


@given(seed=SEEDS, beta=st.floats(0, 2), shift=st.floats(-50, 50))
def test_group_advantages(seed, beta, shift):
    """They sum to 0 in each group, a constant on one group's rewards changes nothing, and with
    equal rewards the text that left the reference furthest is pushed down."""
    rng = np.random.default_rng(seed)
    rewards, ratios = rng.standard_normal(6), rng.standard_normal(6)
    A = group_advantages(rewards, ratios, beta, 3)
    assert np.abs(A.reshape(2, 3).sum(axis=1)).max() < 1e-12
    shifted = rewards + shift * np.array([1, 1, 1, 0, 0, 0])
    assert np.allclose(group_advantages(shifted, ratios, beta, 3), A, atol=1e-12)
    penalty = group_advantages(np.zeros(6), ratios, beta, 6)
    assert np.allclose(penalty, -beta * (ratios - ratios.mean()), atol=1e-12)


def test_log_sigmoid_at_the_extremes():
    x = np.array([-1e4, -1.0, 0.0, 1.0, 1e4])
    assert np.allclose(log_sigmoid(x), [-1e4, -1.3132616875, -np.log(2), -0.3132616875, 0])
    assert log_sigmoid(x.astype(np.float32)).dtype == np.float32


def on(name, **changes):
    """A call of the objective on its batch with some arrays replaced."""
    logits, batch = CASES[name](0)
    logits = changes.pop("logits", logits)
    return lambda: CASES[name].objective(logits, replace(batch, **changes))


def zeros(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Distillation(0), "Distillation: expected a temperature above 0, .* got 0"),
        (lambda: Distillation(float("nan")), "expected a temperature above 0, .* got nan"),
        (lambda: Distillation(1e19), r"expected a temperature from 1e-18 to 1e\+18, got 1e\+19"),
        (lambda: Distillation(hard=1.5), "expected hard from 0 to 1, got 1.5"),
        (lambda: DPO(0.0), "DPO: expected beta above 0, .* got 0.0"),
        (lambda: PPO(0), "PPO: expected clip above 0, .* got 0"),
        (on("distillation", logits=zeros(4, 3, 6)), r"\(4, 3, 6\), the teacher's \(4, 3, 5\)"),
        (on("reverse KL", logits=zeros(4, 3, 6)), r"reverse_kl: .*\(4, 3, 6\), the teacher's "),
        (on("distillation", weights=zeros(4, 3), total=None), "no target counts"),
        (on("reward model", logits=zeros(4, 3, 2)), r"expected logits \(4, 3, 1\), K = 1, got"),
        (on("reward model", group=1), "pairs of rows in groups of 2, got 4 rows in groups of 1"),
        (on("DPO", group=1), "pairs of rows in groups of 2, got 4 rows in groups of 1"),
        (on("PPO", logits=zeros(4, 2, 5)), r"expected logits \(\(4, 3\), K\), got \(4, 2, 5\)"),
        (lambda: group_advantages(zeros(4), zeros(4), -1, 2), "beta from 0, .* got -1"),
        (lambda: group_advantages(zeros(4), zeros(4), 0.1, 1), "a group from 2, .* got 1"),
        (lambda: group_advantages(zeros(4), zeros(4), 0.1, 3), "in 4 samples, got 3"),
        (lambda: group_advantages(zeros(4) + np.inf, zeros(4), 0.1, 2), "that are finite"),
    ],
)
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_teacher_must_be_finite_and_of_the_batchs_shape():
    ones = np.ones((2, 3), int)
    with pytest.raises(ValueError, match="finite teacher logits"):
        TaughtBatch(ones, ones, ones, np.full((2, 3, 4), np.inf))
    with pytest.raises(ValueError, match=r"\(\(2, 3\), K\), got \(2, 2, 4\)"):
        TaughtBatch(ones, ones, ones, np.zeros((2, 2, 4)))
