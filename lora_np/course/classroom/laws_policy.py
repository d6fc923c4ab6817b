"""Lesson 10b: the policy gradient, and a baseline without the own sample."""

import numpy as np
from hypothesis import strategies as st

from ...gradcheck import numerical_gradient
from ...nn.functional import log_softmax
from .exercise import Exercise
from .inputs import expect, same, tenths

GRADIENT = Exercise("10.5", "The gradient without drawing", "implement", answer="exact", points=3)


@st.composite
def policies(draw):
    """{z, R, reference, beta}: logits (K,) of the K texts there are, the reward of each, its
    log-probability under the reference, and the price of KL."""
    k, seed = draw(st.integers(2, 4), label="K"), draw(st.integers(0, 99), label="seed")
    return {
        "z": tenths([seed, 0], k), "R": 3 + tenths([seed, 1], k),
        "reference": log_softmax(tenths([seed, 2], k)),
        "beta": draw(st.sampled_from([0.5, 2.0]), label="beta"),
    }  # fmt: skip


def worth(z, R, reference, beta):
    """J = Σ π(y)·(R(y) - β·log(π(y)/π_ref(y)))."""
    logp = log_softmax(z)
    return float(np.exp(logp) @ (R - beta * (logp - reference)))


@GRADIENT.law("the same number added to every reward changes nothing", policies())
def a_baseline_is_free(exact, z, R, reference, beta):
    """The shares of all texts add up to 1: when one rises by a step, others fall."""
    one, other = (exact(z, R + more, reference, beta) for more in (0.0, 5.0))
    same("dlogits with other rewards", other, one, 1e-9)


@GRADIENT.law("at π*, the best policy, it is 0", policies())
def rests_at_the_best(exact, z, R, reference, beta):
    """π* is π_ref times e to the R/β: there every text is worth the same, with its penalty."""
    best = reference + R / beta
    same("dlogits at π*", exact(best, R, reference, beta), np.zeros(z.shape), 1e-9)


@GRADIENT.law("a step against it raises J", policies())
def raises_what_is_wanted(exact, z, R, reference, beta):
    """The optimizer subtracts dlogits, and J is to rise: the loss is -J."""
    moved = z - 0.01 * np.asarray(exact(z, R, reference, beta))
    same("the shape of dlogits", np.zeros(moved.shape), np.zeros(z.shape))
    rise = worth(moved, R, reference, beta) - worth(z, R, reference, beta)
    expect(rise > -1e-12, "a small step lowered J")


@GRADIENT.law("it is minus the derivative of J", policies())
def matches_differences(exact, z, R, reference, beta):
    """A text counts as often as it is drawn. What is ∂π(y)/∂z, over all y (lesson 7's softmax)?"""
    true = -numerical_gradient(lambda: worth(z, R, reference, beta), z)
    same("dlogits", exact(z, R, reference, beta), true, 1e-6)


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
