"""The laws of every method on a whole GPT, as functions (case, config, seed).

test_method_contract.py draws the GPT's shape; test_method_mutants.py breaks the maths on purpose
and shows that some law fails.
"""

import itertools

import numpy as np

from contracts.laws import TOLERANCE, close
from helpers.models import moved, small_gpt, some_tokens
from lora_np.generation import generate
from lora_np.gradcheck import check_directional
from lora_np.methods import merge
from lora_np.objectives import cross_entropy
from lora_np.tasks import next_token
from lora_np.train import AdamW

RNG = np.random.default_rng


def drawn(case, config, seed):
    """The base and the adapted model away from its start."""
    base = small_gpt(config, seed=seed)
    return base, moved(case.apply(base, RNG(seed)), seed + 1, case.spread)


def tokens_for(model, T=4, seed=0, B=3):
    """Token ids (B, T) that are also classes of a small head, so that any of them is a target."""
    return some_tokens(B, T, vocab=3, seed=seed)


def gradients_of(model, batch):
    view = model.view()
    logits, cache = view.forward(batch.tokens)
    loss, dlogits = cross_entropy(logits, batch)
    view.backward(dlogits, cache)
    return loss, {name: p.grad for name, p in view.named_parameters() if p.trainable}


def starts_at_the_base(case, config, seed):
    """Exactly the base's output, or at once another, as the case says."""
    base, tokens = small_gpt(config, seed=seed), some_tokens(vocab=config.vocab_size, seed=seed)
    start = case.apply(base, RNG(seed))(tokens)
    if case.identity is None:
        return
    if case.identity:
        rounding = 0 if case.identity is True else case.identity
        close(start, base(tokens), "output at the start", rounding)
    elif start.shape == base(tokens).shape:
        assert np.abs(start - base(tokens)).max() > 0


def trains_what_the_formula_says(case, config, seed):
    """And a step leaves every other number, and the model that the method was applied to."""
    base = small_gpt(config, seed=seed)
    before = {name: p.data.tobytes() for name, p in base.named_parameters()}
    model = case.apply(base, RNG(seed))
    assert sum(p.size for p in model.trainable_parameters()) == case.count(config)
    moved(model)
    frozen = {name: p.data.tobytes() for name, p in model.named_parameters() if not p.trainable}
    batch = next_token(tokens_for(model))
    optimizer = AdamW(model.trainable_parameters(), lr=0.1)
    logits, cache = model.forward(batch.tokens)
    model.backward(cross_entropy(logits, batch)[1], cache)
    after = dict(model.named_parameters())
    assert all(after[name].grad is None for name in frozen), "a frozen parameter has a gradient"
    for name, p in after.items():
        assert not p.trainable or p.grad is not None, f"{name} learns and got no gradient"
    optimizer.step()
    assert {name: after[name].data.tobytes() for name in frozen} == frozen
    assert {name: p.data.tobytes() for name, p in base.named_parameters()} == before


def shares_what_is_frozen(case, config, seed):
    """Frozen arrays are the base's own, under the base's own names."""
    base, model = drawn(case, config, seed)
    named = dict(model.named_parameters())
    for name, p in base.named_parameters():
        if name in named and not named[name].trainable:  # a weight in 4 bits is no Parameter
            assert np.shares_memory(named[name].data, p.data), f"{name} was copied"
    assert {name for name in dict(base.named_parameters()) if name.endswith("bias")} <= set(named)


def gradients_match_differences(case, config, seed):
    """In float64, along the way and at the step that show it best: a small one shows the loss's
    rounding, a large one how sharply random GPTs bend. What is wrong is wrong at each.

    Of a gradient small beside the model's largest, as a saturated layer's, the loss's rounding is
    the larger share: as much larger may its error be.
    """
    _, model = drawn(case, config, seed)
    least = {}
    for way, step in itertools.product((0, 1), (1e-6, 1e-7, 1e-5, 1e-4)):
        errors = check_directional(model, tokens_for(model, seed=seed), step=step, seed=way)
        least = {name: min(error, least.get(name, error)) for name, error in errors.items()}
        if max(least.values()) <= TOLERANCE:
            return
    _, found = gradients_of(model, next_token(tokens_for(model, seed=seed)))
    sizes = {name: np.linalg.norm(gradient) for name, gradient in found.items()}
    for name, error in least.items():
        larger = max(sizes.values()) / max(sizes[name], 1e-300)
        limit = TOLERANCE * min(max(10, larger), 1e5)  # one that is not there is wrong by 1
        assert error <= limit, f"gradient of {name}: relative error {error:.3g}"


def caches_are_independent(case, config, seed):
    """Two forwards, then their backwards in either order: each its own gradients, and they add."""
    _, model = drawn(case, config, seed)
    batches = [next_token(tokens_for(model, T, seed + T)) for T in (4, 5)]
    expected = [gradients_of(model, batch)[1] for batch in batches]
    forwards = [model.forward(batch.tokens) for batch in batches]
    for (logits, cache), batch in zip(forwards, batches):
        model.backward(cross_entropy(logits, batch)[1], cache)
    for name, p in model.named_parameters():
        if p.trainable:
            close(p.grad, expected[0][name] + expected[1][name], f"gradient of {name}", 1e-11)


def shards_add_up(case, config, seed):
    _, model = drawn(case, config, seed)
    batch = next_token(tokens_for(model, B=4, seed=seed), RNG(seed).integers(2, 5, 4))
    loss, grads = gradients_of(model, batch)
    parts = [gradients_of(model, shard) for shard in batch.split(2)]
    assert abs(sum(part[0] for part in parts) - loss) < 1e-12
    for name, grad in grads.items():
        close(sum(part[1][name] for part in parts), grad, f"gradient of {name}", 1e-11)


def the_future_is_not_seen(case, config, seed):
    """A later token changes no earlier logit."""
    _, model = drawn(case, config, seed)
    tokens = tokens_for(model, seed=seed)
    changed = tokens.copy()
    changed[:, -1] = (changed[:, -1] + 1) % 3
    before, after = model(tokens), model(changed)
    assert before.shape[:2] == tokens.shape
    close(after[:, :-1], before[:, :-1], "earlier logits", 1e-13)
    assert np.abs(after[:, -1] - before[:, -1]).max() > 0


def generation_reads_once(case, config, seed):
    """With kept keys and values: the tokens that reading everything again would choose."""
    _, model = drawn(case, config, seed)
    tokens = prompt = tokens_for(model, 2, seed)
    for _ in range(3):
        logits = model(tokens)
        tokens = np.concatenate([tokens, logits[:, -1:].argmax(axis=-1)], axis=1)
    assert np.array_equal(generate(model, prompt, 3), tokens)
    past = model.new_past(len(tokens), tokens.shape[1])
    close(model(tokens, past=past), model(tokens), "logits through a past", 1e-12)


def position_shifts_everything(case, config, seed):
    """One position for all, or one a sequence."""
    _, model = drawn(case, config, seed)
    tokens = tokens_for(model, seed=seed)
    each = model(tokens, position=np.array([1, 0, 1]))
    close(each[::2], model(tokens[::2], position=1), "logits from position 1", 1e-12)
    close(each[1:2], model(tokens[1:2]), "logits from position 0", 1e-12)


def a_frozen_view_is_a_reference(case, config, seed):
    """It computes the same, gets no gradient, and training goes on beside it."""
    _, model = drawn(case, config, seed)
    tokens = tokens_for(model, seed=seed)
    reference = model.view().freeze()
    close(reference(tokens), model(tokens), "the reference's logits", 0)
    logits, cache = reference.forward(tokens)
    reference.backward(np.ones_like(logits), cache)
    assert all(p.grad is None for p in reference.parameters())


def merges_or_says_why_not(case, config, seed):
    _, model = drawn(case, config, seed)
    tokens = tokens_for(model, seed=seed)
    try:
        merged = merge(model)
    except ValueError as error:
        assert "acts as no dense layer" in str(error)
    else:
        close(merged(tokens), model(tokens), "merged against adapted", 1e-11)


def same_seed_same_bytes(case, config, seed):
    base = small_gpt(config, seed=seed)
    one, two = (case.apply(base, RNG(seed)) for _ in range(2))
    for (name, p), (_, q) in zip(one.named_parameters(), two.named_parameters()):
        assert p.data.tobytes() == q.data.tobytes(), name


LAWS = [
    starts_at_the_base,
    trains_what_the_formula_says,
    shares_what_is_frozen,
    gradients_match_differences,
    caches_are_independent,
    shards_add_up,
    the_future_is_not_seen,
    generation_reads_once,
    position_shifts_everything,
    a_frozen_view_is_a_reference,
    merges_or_says_why_not,
    same_seed_same_bytes,
]
