"""Any choice of what moves under any way of teaching: what should move moves, nothing else."""

import numpy as np
import pytest

from helpers import llamas
from helpers.models import CONFIG, moved, small_gpt, some_tokens
from lora_np.methods import FullFineTuning, HeadTuning, LoRA, PromptTuning, QLoRA
from lora_np.objectives import (
    DPO,
    PPO,
    Distillation,
    bradley_terry,
    context_distillation,
    cross_entropy,
)
from lora_np.tasks import (
    dpo_pairs,
    next_token,
    reference,
    reward_pairs,
    sample_policy,
    taught,
    without_context,
)
from lora_np.train import AdamW

RNG = np.random.default_rng
CONFIGS = {"GPT": CONFIG, "Llama": llamas.CONFIG}
METHODS = {
    "LoRA": LoRA(2, 3.0, targets="all-linear"),
    "QLoRA": QLoRA(2, 3.0, targets="all-linear", block_size=16),
    "prompt": PromptTuning(2),
    "head": HeadTuning(),
    "full": FullFineTuning(),
}


def pairs():
    tokens = some_tokens(4)
    tokens[:, 0] = 3
    return tokens


def ascents(tokens, lengths):
    return (np.diff(tokens, axis=1) > 0).sum(axis=1).astype(float)


def on_policy(model, base):
    options = {"group": 4, "beta": 0.1, "rng": RNG(1)}
    return sample_policy(model, reference(base), ascents, [[1], [2]], 4, **options)


# What teaches: the formula, and how its batch is made from the model that learns and its base.
OBJECTIVES = {
    "cross-entropy": (cross_entropy, lambda model, base: next_token(some_tokens())),
    "distillation": (
        Distillation(2.0, hard=0.3),
        lambda model, base: taught(
            model, small_gpt(base.config, seed=9), next_token(some_tokens())
        ),
    ),
    "context distillation": (
        context_distillation,
        lambda model, base: without_context(model, reference(base), [1, 2], some_tokens(), 2),
    ),
    "reward model": (bradley_terry, lambda model, base: reward_pairs(pairs())),
    "PPO": (PPO(0.2), on_policy),
    "DPO": (DPO(0.5), lambda model, base: dpo_pairs(model, reference(base), pairs(), 1)),
}


def contents(model):
    """Every parameter by name, and for each linear layer the weight that it acts as, and the one
    that its codes or its base stand for."""
    arrays = {name: p.data.copy() for name, p in model.named_parameters()}
    for name, layer in model.linears():
        arrays[f"{name} as it acts"] = layer.effective_weight().copy()
        arrays[f"{name} underneath"] = layer.unwrapped().effective_weight().copy()
    return arrays


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("objective_name", OBJECTIVES)
@pytest.mark.parametrize("method_name", METHODS)
def test_what_should_move_moves_and_nothing_else(method_name, objective_name, kind):
    objective, make_batch = OBJECTIVES[objective_name]
    base = small_gpt(CONFIGS[kind])
    untouched = contents(base)
    model = moved(adapted(base, method_name, objective_name), spread=0.05)
    batch = make_batch(model, base)
    start = contents(model)
    optimizer = AdamW(model.trainable_parameters(), lr=3e-3)
    losses = []
    for _ in range(10):
        logits, cache = model.forward(batch.tokens)
        loss, dlogits = objective(logits, batch)
        model.backward(dlogits, cache)
        optimizer.step()
        losses.append(loss)
    assert losses[-1] < losses[0], "what teaches must teach"
    now, after = contents(model), contents(base)
    changed = {name for name in start if not np.array_equal(start[name], now[name])}
    learns = {name for name, p in model.named_parameters() if p.trainable}
    learns |= {f"{name.rpartition('.')[0]} as it acts" for name in learns} & start.keys()
    if method_name == "full":
        learns |= {name for name in start if name.endswith("underneath")}
    if objective_name == "reward model":  # the same number on both rewards: it cannot matter
        learns -= {"ln_f.bias"}
    assert changed == learns
    assert all(np.array_equal(untouched[name], after[name]) for name in untouched)


def adapted(base, method_name, objective_name):
    """The method on the base, with a head of one number where the objective learns a reward."""
    rng = RNG(0)
    if objective_name == "reward model":
        base = HeadTuning(1).apply(base, rng)
        if method_name == "head":
            return base
    return METHODS[method_name].apply(base, rng)
