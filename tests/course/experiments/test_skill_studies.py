"""The studies on the base of skills (capacity, batch size, α), in miniature, on made numbers."""

import functools
import json

import numpy as np
import pytest

from lora_np.analysis.plots import png
from lora_np.course.experiments import alpha, batch_size, capacity, skill_runs
from lora_np.methods import FullFineTuning, LoRA
from lora_np.objectives import cross_entropy
from lora_np.tasks.worlds import skills

SEEDS = np.arange(5)
QUICK = [capacity, batch_size, alpha]


@functools.cache
def quick(module):
    return module.run(quick=True)


def made(study, ways, **measures):
    """Evidence whose runs hold `measures(way)`: each five numbers, a seed each."""
    runs = {
        way: [
            {name: float(of(way)[seed]) for name, of in measures.items()} | {"trained": 1000}
            for seed in SEEDS
        ]
        for way in ways
    }
    how = {"lr": 1.0, "between": [0.5, 2.0], "inside": True, "tried": {"1": 0.0}}
    return {
        "study": study,
        "cpu_seconds": 60.0,
        "ways": {way: how | {"runs": each} for way, each in runs.items()},
    }


def test_no_string_is_in_two_splits_and_seeds_differ():
    answer = functools.partial(skills.answer, "add 5")
    train, validation, test = skill_runs.splits(answer, 3)
    held = [{tuple(row) for row in batch.tokens[:, 4:9]} for batch in (validation, test)]
    seen = {tuple(row) for row in train.digits}
    assert [len(part) for part in (seen, *held)] == [98000, 1000, 1000]
    assert not (held[0] & held[1] or seen & (held[0] | held[1]))
    assert {tuple(row) for row in skill_runs.splits(answer, 4)[2].tokens[:, 4:9]} != held[1]
    batch = train.batch(50, np.random.default_rng(0))
    np.testing.assert_array_equal(batch.targets[:, -5:], (batch.tokens[:, 4:9] + 5) % 10)


def test_training_that_diverges_says_so():
    class Broken(skill_runs.Strings):
        def batch(self, size, rng):
            batch = super().batch(size, rng)
            batch.weights = batch.weights * np.inf
            return batch

    digits = skill_runs.shuffled(0)[:8]
    model = FullFineTuning().apply(skill_runs.base(), np.random.default_rng(0))
    with (
        pytest.raises(FloatingPointError, match="the loss is .* at step 0"),
        np.errstate(all="ignore"),
    ):
        skill_runs.adapt(model, Broken(digits, digits), 2, 1e-3, np.random.default_rng(0))


@pytest.mark.long
@pytest.mark.parametrize("module", QUICK, ids=lambda module: module.__name__)
def test_quick(module):
    """Plain numbers, the same from the same seed; table, figure and text are made from them."""
    numbers = quick(module)
    stored = json.loads(json.dumps(numbers))
    assert stored == numbers and stored["quick"] and stored["seeds"] == 1
    table = module.table(stored)
    assert "1 seed" in table and "too short to conclude" in table
    assert module.verdict(stored) in table
    assert all(np.shape(values) == (1,) for values in module.claims(stored).values())
    assert png(module.figure(stored)).startswith(b"\x89PNG") and len(module.alt_text(stored)) > 80


@pytest.mark.parametrize("module", QUICK, ids=lambda module: module.__name__)
@pytest.mark.parametrize("seeds", [0, True])
def test_no_seeds(module, seeds):
    with pytest.raises(ValueError, match="expected seeds from 1, a whole number, got"):
        module.run(seeds)


def test_what_is_to_be_memorised_follows_from_nothing_and_repeats():
    strings, again = capacity.to_memorise(96, 5), capacity.to_memorise(96, 5)
    np.testing.assert_array_equal(strings.answers, again.answers)
    assert (strings.answers != capacity.to_memorise(96, 6).answers).any()
    whole = strings.batch(512, np.random.default_rng(0))
    assert len({tuple(row) for row in whole.tokens[:, 4:9]}) == len(whole) == 96
    smaller = capacity.to_memorise(32, 5)  # the same strings, so that only their number differs
    np.testing.assert_array_equal(smaller.digits, strings.digits[:32])


def test_uniform_answers_hold_nothing_and_sure_ones_all():
    """Bits memorised are 0 for a model that guesses, N · 16.6 for one that knows."""
    strings = capacity.to_memorise(16, 0)
    batch = strings.rows()
    logits = np.zeros((*batch.tokens.shape, skills.VOCABULARY))
    logits[..., skills.DIGITS :] = -1e9
    guessed = cross_entropy(logits, batch)[0] * skills.LENGTH / np.log(2)
    np.testing.assert_allclose(guessed, capacity.BITS)
    np.put_along_axis(logits, batch.targets[..., None], 1e3, axis=-1)
    np.testing.assert_allclose(cross_entropy(logits, batch)[0], 0, atol=1e-9)


def capacities(held):
    """Numbers of a study in which LoRA r r holds at most `held(r)` bits, full all there is."""
    sizes = [32, 96, 192]

    def bits(way):
        name, size = way.split("; ")
        there = int(size.removesuffix(" strings")) * capacity.BITS
        most = there if name == capacity.FULL else min(there, held(int(name.split()[-1])))
        return most - 0.1 * SEEDS

    ways = [capacity.way(name, size) for name in capacity.METHODS for size in sizes]
    evidence = made("capacity", ways, memorised=bits)
    return {"seeds": 5, "steps": 1, "quick": False, "sizes": sizes,
            "methods": list(capacity.METHODS), "evidence": evidence}  # fmt: skip


def test_capacity_is_found_where_there_is_one():
    numbers = capacities(lambda r: 800 * r)
    found = [capacity.falls_behind(numbers, f"LoRA r {r}") for r in (1, 2, 4, 8)]
    assert found == [96, 192, None, None]
    assert "found: with 32 strings not behind full LoRA r 1" in capacity.verdict(numbers)
    np.testing.assert_allclose(capacity.capacity(numbers, "LoRA r 2"), 1594.5, atol=10)
    nowhere, always = capacities(lambda r: 1e9), capacities(lambda r: 10)
    assert "no rank met its capacity" in capacity.verdict(nowhere)
    assert "not found: every rank is behind" in capacity.verdict(always)


def test_batches_read_as_much_or_take_as_many_steps():
    arms = batch_size.arms(batch_size.EXAMPLES, batch_size.BATCHES, batch_size.CONTROLS)
    few = {arm: how for arm, how in arms.items() if arm.endswith(" steps")}
    equal = [b * steps for arm, (b, steps) in arms.items() if arm not in few]
    assert equal == [batch_size.EXAMPLES] * len(batch_size.BATCHES)
    steps = [batch_size.EXAMPLES // b for b in batch_size.CONTROLS]
    assert list(few.values()) == [(batch_size.SMALL, each) for each in steps]


def batches(gap):
    """Numbers of a study in which LoRA's loss lies `gap(batch, examples' batch)` above full's."""
    arms = batch_size.arms(512, (32, 64, 128), (128,))

    def loss(way):
        name, arm = way.split("; ")
        batch, steps = arms[arm]
        return 1 + 0.01 * SEEDS + (0 if name == "full" else gap(batch, 512 // steps) + 1e-3 * SEEDS)

    ways = [f"{name}; {arm}" for name in batch_size.METHODS for arm in arms]
    return {"seeds": 5, "quick": False, "examples": 512, "batches": [32, 64, 128],
            "arms": arms, "evidence": made("batch_size", ways, loss=loss)}  # fmt: skip


def test_the_batch_size_verdict_turns_with_the_numbers():
    hurt = batch_size.verdict(batches(lambda batch, reads: batch / 100 - 0.5))
    assert "better than full at 32" in hurt and "worse than full at 128" in hurt
    assert "the conclusion depends on the batch" in hurt
    assert hurt.endswith("LoRA r 1, LoRA r 8, LoRA r 8, α = 256.")
    assert "above in 5 of 5 pairs" in hurt.split("less that at")[1]
    helped = batch_size.verdict(batches(lambda batch, reads: -batch / 100))
    assert "worse than full" not in helped and helped.endswith("no LoRA here.")
    grown = batch_size.claims(batches(lambda batch, reads: batch / 100))
    np.testing.assert_allclose(grown["LoRA r 1 less full: at batch 128 less at batch 32"], 0.96)
    steps = batch_size.verdict(batches(lambda batch, reads: reads / 100))
    assert "not told apart" in steps.split("less that at")[1]  # lost to the steps


def alphas_of(law, ours=-3.0, usual=-1.0):
    """Numbers of searches that found α = law(r), spread a little."""

    def found(k):
        evidence = made(f"alpha_{k}", ways, **{"log loss": lambda way: ours + 0.1 * SEEDS})
        for way, how in evidence["ways"].items():
            how["lr"] = law(alpha.rank_of(way)) * 1.1 ** (k * np.log(alpha.rank_of(way)) - 2)
        return evidence

    ways = [f"r {r}" for r in alpha.RANKS]
    at_r = made("alpha_rate", ways, **{"log loss": lambda way: usual - 0.1 * SEEDS})
    return {"seeds": 5, "quick": False, "steps": 1, "rate": 1e-3, "ranks": list(alpha.RANKS),
            "tuned": [found(k) for k in (-2, -1, 0, 1, 2)], "usual": at_r,
            "cpu_seconds": 1.0}  # fmt: skip


@pytest.mark.parametrize("slope, claim", [(0.0, "not found"), (0.5, "found"), (1.0, "not found")])
def test_a_law_of_alpha_is_found_where_it_is_in_the_numbers(slope, claim):
    numbers = alphas_of(lambda r: 32 * r**slope)
    np.testing.assert_allclose(alpha.slopes(numbers).mean(), slope, atol=1e-9)
    assert [alpha.LAWS[law] for law in alpha.laws_left(numbers)] == [slope]
    assert f"(2606.12883): {claim}." in alpha.verdict(numbers)
    means = [values.mean() for values in list(alpha.claims(numbers).values())[:3]]
    np.testing.assert_allclose(means, [slope, slope - 0.5, slope - 1], atol=1e-9)


def test_alpha_and_the_rate_are_compared_in_pairs():
    assert "every pair for r 1, r 2, r 4, r 8, r 16" in alpha.verdict(alphas_of(lambda r: 32))
    turned = alpha.verdict(alphas_of(lambda r: 32, ours=-1.0, usual=-3.0))
    assert "in every pair for no rank" in turned


@pytest.mark.every_kernel
def test_the_scale_is_a_rate_for_b_alone():
    """s · A · B at one rate is A · B with s times the rate for B: LoRA+'s ratio."""
    from lora_np.methods import lora_plus_groups
    from lora_np.train.optim import AdamW

    task = skill_runs.Strings(skill_runs.shuffled(0)[:64], skill_runs.shuffled(1)[:64])
    batch, logits = task.rows(), []
    for scale, ratio in ((16.0, 1.0), (1.0, 16.0)):
        model = LoRA(2, 2 * scale, ("c_attn",)).apply(skill_runs.base(), np.random.default_rng(0))
        optimizer = AdamW(lora_plus_groups(model, 1e-3, ratio), eps=1e-30)
        for _ in range(5):
            out, cache = model.forward(batch.tokens)
            model.backward(cross_entropy(out, batch)[1], cache)
            optimizer.step()
        logits.append(model(batch.tokens))
    moved = np.abs(logits[0] - skill_runs.base()(batch.tokens)).max()
    assert np.abs(logits[0] - logits[1]).max() < 1e-2 * moved
