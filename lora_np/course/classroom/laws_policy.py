"""Lesson 10b: the policy gradient, and a baseline without the own sample."""

import numpy as np
from hypothesis import strategies as st

from ...gradcheck import numerical_gradient
from ...nn.functional import log_softmax, softmax_forward
from .exercise import Exercise
from .inputs import same, tenths

GRADIENT = Exercise("10.5", "The policy gradient", "implement", answer="policy", points=3)


@st.composite
def policies(draw):
    """{z, rewards}: logits (K,) of the texts that a policy may write, and the reward of each."""
    k, seed = draw(st.integers(2, 4), label="K"), draw(st.integers(0, 99), label="seed")
    return {"z": tenths([seed, 0], k), "rewards": 3 + tenths([seed, 1], k)}


def expected(policy, z, rewards, baseline):
    """What the answer gives on average, over texts drawn from the policy."""
    p, _ = softmax_forward(z)
    each = [np.asarray(policy(z.copy(), y, rewards[y], baseline)) for y in range(len(z))]
    same("the shape of dlogits", np.zeros(each[0].shape), np.zeros(z.shape))
    return p @ np.array(each)


@GRADIENT.law("a reward that equals the baseline teaches nothing", policies())
def nothing_at_the_baseline(policy, z, rewards):
    """The advantage is what is better than usual."""
    same("dlogits", policy(z, 0, 2.0, 2.0), np.zeros(z.shape))


@GRADIENT.law("averaged over draws it is minus the slope of the expected reward", policies())
def unbiased(policy, z, rewards):
    """The optimizer subtracts it, and the reward is to rise. What is ∂log π(y)/∂z?"""

    def reward():
        return float(np.exp(log_softmax(z)) @ rewards)

    true = -numerical_gradient(reward, z)
    same("the mean of dlogits", expected(policy, z, rewards, 0.0), true, 1e-6)


@GRADIENT.law("no baseline changes that average", policies())
def baseline_is_free(policy, z, rewards):
    """It is taken off the reward before anything else: E[∇ log π] = 0."""
    one, other = (expected(policy, z, rewards, baseline) for baseline in (0.0, 5.0))
    same("the mean of dlogits with another baseline", other, one, 1e-9)


OTHERS = Exercise("10.6", "Without the own sample", "implement", answer="leave_out", points=2)


@st.composite
def groups(draw):
    """{rewards, group}: neighbours that answer one prompt, a few prompts."""
    group, prompts = (
        draw(st.integers(2, 4), label="group"),
        draw(st.integers(1, 2), label="prompts"),
    )
    seed = draw(st.integers(0, 99), label="seed")
    return {"rewards": tenths(seed, group * prompts), "group": group}


@OTHERS.law("each is compared with the mean of the others in its group", groups())
def compared_with_the_others(leave_out, rewards, group):
    """A group has G answers: how many are the others, and what is their sum?"""
    grouped = rewards.reshape(-1, group)
    true = [
        row[i] - np.mean(np.delete(row, i)) for row in grouped for i in range(group)
    ]  # by the definition
    same("the advantages", leave_out(rewards, group), np.array(true))


@OTHERS.law("a larger reward elsewhere changes nothing in this group", groups())
def groups_are_apart(leave_out, rewards, group):
    """Prompts differ in how easy they are: no mean may reach over two of them."""
    two = np.concatenate([rewards[:group], rewards[:group] + 7])
    same(
        "the first group's advantages", leave_out(two, group)[:group], leave_out(two[:group], group)
    )


EXERCISES = [GRADIENT, OTHERS]
