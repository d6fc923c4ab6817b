"""Teachers, contexts, pairs and samples: positions align, pairs stay whole, bad input is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.models import moved, small_gpt, some_tokens
from lora_np.methods import HeadTuning, LoRA
from lora_np.nn import GPTConfig
from lora_np.nn.functional import log_softmax
from lora_np.objectives import DPO, PPO, bradley_terry, context_distillation
from lora_np.tasks import (
    completion,
    dpo_pairs,
    next_token,
    noisy_preferences,
    reference,
    reward_of,
    reward_pairs,
    sample_policy,
    taught,
    without_context,
)
from lora_np.tokenizers.special_tokens import SpecialTokens

OTHER = small_gpt(GPTConfig(vocab_size=9, n_positions=8, n_embd=6, n_layer=1, n_head=2))
RNG = np.random.default_rng


def policy_beside(base):
    return moved(LoRA(2, 3.0, targets="all-linear").apply(base, RNG(0)))


def test_a_reference_shares_the_policys_arrays_and_stays_as_it_is():
    base = small_gpt()
    kept, policy = reference(base), policy_beside(base)
    before = kept(some_tokens())
    names = dict(policy.named_parameters())
    for name, parameter in kept.named_parameters():
        assert np.shares_memory(parameter.data, names[name].data), name
    for parameter in policy.trainable_parameters():
        parameter.data += 1.0
    assert not kept.trainable_parameters() and np.array_equal(kept(some_tokens()), before)


@pytest.mark.parametrize("lengths", [None, [5, 3, 4]])
def test_completion_masks_the_prompt_and_the_padding(lengths):
    tokens = some_tokens()
    batch = completion(tokens, 2, lengths)
    counted = batch.weights > 0
    for row, length in enumerate([5] * 3 if lengths is None else lengths):
        assert np.array_equal(batch.targets[row][counted[row]], tokens[row, 2:length])
    assert batch.total == counted.sum()


def test_taught_keeps_labels_and_asks_the_teacher():
    base = small_gpt()
    batch = taught(base, policy_beside(base), next_token(some_tokens()))
    assert np.array_equal(batch.teacher_logits, policy_beside(base)(batch.tokens))
    assert np.array_equal(batch.targets, some_tokens()[:, 1:]) and batch.total == 12


@pytest.mark.parametrize("one_for_all", [True, False])
def test_without_context_lines_positions_up(one_for_all):
    """The teacher's logits beside each token are those of the same token behind the context."""
    model, tokens, context = small_gpt(), some_tokens(), some_tokens(3, 3, seed=5)
    context = context[0] if one_for_all else context
    batch = without_context(model, reference(model), context, tokens, 2)
    for row in range(3):
        read = np.concatenate([context if one_for_all else context[row], tokens[row]])
        assert np.allclose(batch.teacher_logits[row], model(read[None])[0, 3:-1], atol=1e-12)
    assert np.array_equal(batch.tokens, tokens[:, :-1])
    assert np.array_equal(batch.weights > 0, [[False, True, True, True]] * 3)


def test_a_teacher_blind_to_the_context_teaches_nothing():
    """Where neither attention nor positions tell of a context, the loss is 0."""
    model = small_gpt()
    model.wpe.weight.data[...] = 0
    for block in model.h:
        block.attn.c_proj.weight.data[...] = 0
    batch = without_context(model, reference(model), [1, 2], some_tokens(), 1)
    loss, dlogits = context_distillation(model(batch.tokens), batch)
    assert loss < 1e-15 and np.abs(dlogits).max() < 1e-15


@given(seed=st.integers(0, 2**32 - 1), noise=st.floats(0, 3))
def test_noisy_preferences_keep_pairs_together(seed, noise):
    rewards = RNG(seed).standard_normal(12)
    order = noisy_preferences(rewards, noise, RNG(seed))
    assert np.array_equal(np.sort(order.reshape(-1, 2), axis=1), np.arange(12).reshape(-1, 2))
    if noise == 0:
        assert (rewards[order[0::2]] > rewards[order[1::2]]).all()


def test_preferences_follow_bradley_terry():
    """The better text wins in a share σ(Δ/noise) of the pairs; a coin decides between equals."""
    n, rng = 40_000, RNG(0)
    for delta, noise in ((1.0, 1.0), (1.0, 0.5), (0.0, 0.0)):
        order = noisy_preferences(np.tile([delta, 0.0], n), noise, rng)
        won = (order[0::2] % 2 == 0).mean()
        expected = 1 / (1 + np.exp(-delta / noise)) if noise else 0.5
        assert abs(won - expected) < 0.015


def test_reward_pairs_are_read_at_the_last_real_token():
    model = HeadTuning(1).apply(small_gpt(), RNG(0))
    tokens, lengths = some_tokens(4), [5, 2, 3, 5]
    batch = reward_pairs(tokens, lengths)
    loss, _ = bradley_terry(model(batch.tokens), batch)
    r = reward_of(model, tokens, lengths)
    expected = [model(tokens[i : i + 1, :n])[0, -1, 0] for i, n in enumerate(lengths)]
    assert np.allclose(r, expected, atol=1e-12) and (batch.total, batch.group) == (2, 2)
    assert abs(loss - np.log1p(np.exp(-(r[0::2] - r[1::2]))).mean()) < 1e-12


def test_dpo_pairs_hold_the_references_sums():
    base = small_gpt()
    tokens = some_tokens(4)
    tokens[:, :2] = 3
    batch = dpo_pairs(policy_beside(base), base, tokens, 2, [5, 4, 3, 5])
    for row, length in enumerate([5, 4, 3, 5]):
        logp = log_softmax(base(tokens[row : row + 1, : length - 1]))[0]
        total = sum(logp[t - 1, tokens[row, t]] for t in range(2, length))
        assert abs(batch.reference_logprobs[row] - total) < 1e-12
    at_reference, _ = DPO(0.2)(base(batch.tokens), batch)
    assert abs(at_reference - np.log(2)) < 1e-12


def length_as_reward(tokens, lengths):
    return lengths.astype(float)


def test_policy_samples():
    """Groups share their prompt, only completions weigh, and the log-ratios are the policy's."""
    base = small_gpt()
    policy = policy_beside(base)
    prompts = np.array([[1, 2], [3, 4]])
    options = {"group": 3, "beta": 0.5, "rng": RNG(3), "stop": 0}
    batch = sample_policy(policy, reference(base), length_as_reward, prompts, 5, **options)
    assert np.array_equal(batch.tokens[:, :2], np.repeat(prompts, 3, axis=0))
    lengths = 2 + (batch.weights > 0).sum(axis=1)
    assert np.array_equal(batch.rewards, lengths)
    for row, length in enumerate(lengths):
        real = batch.targets[row, 1 : length - 1]
        assert not (real[:-1] == 0).any() and (real[-1] == 0 or length == 7)
        logp = [log_softmax(m(batch.tokens[row : row + 1]))[0] for m in (policy, base)]
        at = (np.arange(1, length - 1), real)
        assert np.allclose(batch.old_logprobs[row, at[0]], logp[0][at], atol=1e-12)
        assert abs(batch.log_ratios[row] - (logp[0][at] - logp[1][at]).sum()) < 1e-12
    R = batch.rewards - 0.5 * batch.log_ratios
    assert np.allclose(batch.advantages, R - np.repeat(R.reshape(2, 3).mean(axis=1), 3))
    loss, _ = PPO()(policy(batch.tokens), batch)
    expected = -(batch.weights * batch.advantages[:, None]).sum() / batch.total
    assert abs(loss - expected) < 1e-12, "at the old policy every ratio is 1"


def test_a_policy_at_its_reference_has_no_kl():
    base = small_gpt()
    options = {"group": 2, "beta": 1.0, "rng": RNG(3)}
    batch = sample_policy(base, reference(base), length_as_reward, [[1], [2]], 4, **options)
    assert not batch.log_ratios.any() and not batch.advantages.any()


def test_without_a_stop_no_mark_of_the_models_own_ends_a_completion():
    """Each text counts as long as all, so the repeats of a mark that had ended one would count."""
    base = small_gpt()
    ending = small_gpt()
    ending.special_tokens = SpecialTokens(eos_token_id=tuple(range(7)))
    batches = [
        sample_policy(m, base, length_as_reward, [[1], [2]], 6, group=2, beta=1.0, rng=RNG(3))
        for m in (base, ending)
    ]
    assert np.array_equal(batches[0].targets, batches[1].targets)


def nan_reward(tokens, lengths):
    return np.full(len(tokens), np.nan)


def sample(n=2, other=None, reward=length_as_reward, **changes):
    base = small_gpt()
    options = {"group": 2, "beta": 0.1, "rng": RNG(0)} | changes
    return sample_policy(base, other or base, reward, [[1, 2]], n, **options)


PAIR = np.array([[1, 2, 3], [1, 2, 4]])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: taught(small_gpt(), OTHER, next_token(PAIR)), "teacher has a vocabulary of 9 to"),
        (lambda: without_context(small_gpt(), OTHER, [1], PAIR, 1), "teacher has a vocabulary"),
        (lambda: dpo_pairs(small_gpt(), OTHER, PAIR, 1), "reference has .* 9 tokens, .* learns 7"),
        (lambda: sample(other=OTHER), "reference has a vocabulary of 9 tokens"),
        (lambda: without_context(small_gpt(), small_gpt(), [], PAIR, 1), r"a context .* got \(0,"),
        (lambda: completion(PAIR, 3), "an empty completion teaches nothing; got 3"),
        (lambda: completion(PAIR, 2, [3, 2]), "text has 2 and an empty completion"),
        (lambda: completion(PAIR, 0), "a prompt of 1 to 2 tokens"),
        (lambda: sample(n=0), "n, the tokens of a completion, from 1, .* got 0"),
        (lambda: sample(reward=nan_reward), r"expected 2 finite rewards, got \[nan nan\]"),
        (lambda: sample(group=1), "a group from 2, .* got 1"),
        (lambda: sample(beta=-0.1), "beta from 0, .* got -0.1"),
        (lambda: sample(n=7), "9 .* n_positions is 8|n_positions 8"),
        (lambda: reward_pairs(PAIR[[0, 0]]), "pair 0: the two texts are equal"),
        (lambda: reward_pairs(PAIR, [2, 2]), "pair 0: the two texts are equal"),
        (lambda: reward_pairs(PAIR[:1]), r"expected pairs of texts, .* got \(1, 3\)"),
        (lambda: dpo_pairs(small_gpt(), small_gpt(), PAIR, 3), "an empty completion"),
        (lambda: dpo_pairs(small_gpt(), small_gpt(), 1 + PAIR % 4 * [[1], [0]], 1), "different pr"),
        (lambda: noisy_preferences([1.0, np.inf], 1, RNG(0)), "even number of finite rewards"),
        (lambda: noisy_preferences([1.0, 2.0], -1, RNG(0)), "a noise from 0, .* got -1"),
    ],
)
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()
