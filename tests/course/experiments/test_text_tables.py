"""The tables that read the study on real text, from made-up runs: each verdict turns with them."""

import json

import numpy as np
import pytest

from helpers.text_numbers import text_numbers
from lora_np.analysis import plots
from lora_np.course.experiments import (
    conclusions,
    forgetting,
    intruders,
    methods_text,
    razor,
    regret,
    truncation,
    variants,
)
from lora_np.course.experiments.methods_text import FULL, LORA, WAYS

MODULES = (regret, variants, forgetting, razor, truncation, intruders)


@pytest.fixture(scope="module")
def numbers():
    return text_numbers(intruders={LORA: 9, "LoRA r 32, everywhere": 3})


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.split(".")[-1])
def test_table_figure_and_words(module, numbers):
    for made in (numbers, {**text_numbers(1), "quick": True}):
        text = module.table(made)
        assert module.verdict(made) in text and ("quick look" in text) == made["quick"]
        figure = module.figure(made)
        assert "nan" not in (text + module.alt_text(made)).lower()
    assert plots.png(figure, dpi=40).startswith(b"\x89PNG")
    assert module.run is methods_text.run  # the same runs, so nothing is trained twice


@pytest.mark.parametrize(
    "module", (methods_text, *MODULES), ids=lambda m: m.__name__.split(".")[-1]
)
def test_claims_are_a_difference_a_seed_and_the_same_ones_whatever_came_out(module, numbers):
    claims = module.claims(numbers)
    assert json.loads(json.dumps(claims)) == claims and claims
    assert {len(each) for each in claims.values()} == {5}
    other = text_numbers(gains={LORA: 0.6})  # off full's curve, and no intruders
    conclusions.changed(claims, module.claims(other))  # raises if they are not the same claims
    assert "nan" not in conclusions.table(claims)


def test_the_ratio_of_rates_and_its_interval():
    made = text_numbers(rates={FULL: 1e-3, LORA: 1e-2})  # each known to a factor of two
    assert regret.ratio(made, LORA) == pytest.approx((10, 2.5, 40))
    assert "10 is inside the interval" in regret.verdict(made)
    far = regret.verdict(text_numbers(rates={FULL: 1e-3, LORA: 1e-1}))
    assert "10 is outside the interval" in far


@pytest.mark.parametrize("power", [-1, 0, 0.5])
def test_the_slope_of_the_rate_on_the_rank(power):
    rates = {way: 1e-2 * rank**power for rank, way in regret.RANKS.items()}
    made = text_numbers(rates=rates)
    value, low, high = regret.slope(made, regret.RANKS)
    assert value == pytest.approx(power, abs=1e-9) and low < value < high
    assert high - value == pytest.approx(value - low)
    word = "inside" if low <= 0 <= high else "outside"
    assert f"with one alpha, 0 is {word}" in regret.verdict(made)


def test_regret_says_which_ranks_fall_short():
    equal = {way: lambda seed: 0.4 + 1e-3 * seed for way in regret.RANKS.values()}
    said = regret.verdict(text_numbers(gains=equal)).splitlines()[-1]
    assert said.count("not told apart") == len(regret.RANKS)
    said = regret.verdict(text_numbers(gains=equal | {regret.RANKS[1]: 0.3})).splitlines()[-1]
    assert "rank 1 +0.100, above in 5 of 5" in said and said.count("not told apart") == 3
    assert WAYS[regret.AS_MANY].method.rank == 2  # 2 (in + out) over all layers is 8 on c_attn


def test_variants_hold_the_claim_or_not():
    near = {name: 0.36 for name in (LORA, *variants.VARIANTS)}
    assert "loss: holds" in variants.verdict(text_numbers(gains=near))
    assert "None is told apart" in variants.verdict(text_numbers(gains=near))
    far = near | {variants.VARIANTS[1]: 0.2}
    said = variants.verdict(text_numbers(gains=far))
    assert f"does not hold (farthest {variants.VARIANTS[1]}" in said and "above in 5 of 5" in said


def test_full_is_asked_at_the_gain_of_the_other():
    curve = np.array([[0.1, 0.2, 0.4], [0.0, 0.1, 0.5]])
    assert forgetting.at_gain(curve, 0.3) == pytest.approx(0.3)
    assert np.isnan(forgetting.at_gain(curve, 0.5)) and np.isnan(forgetting.at_gain(curve, 0.0))


def test_what_forgets_more_for_no_more_gain_is_off_the_curve():
    points = [(0.1, 0.0), (0.39, 0.5), (0.4, 0.2), (0.2, 0.1)]
    assert forgetting.frontier(points).T.tolist() == [[0.1, 0.0], [0.2, 0.1], [0.4, 0.2]]


@pytest.mark.parametrize("lost, word", [(0.05, "less"), (0.3, "more")])
def test_forgetting_at_equal_gain(lost, word):
    made = text_numbers(gains={LORA: 0.35}, forgets={LORA: lost})
    found = forgetting.verdict(made)
    line = next(line for line in found.splitlines() if f"{LORA};" in line or f"{LORA}." in line)
    assert line.startswith(f"{word}: ")
    assert "off full's curve" in forgetting.verdict(text_numbers(gains={LORA: 0.6}))


def test_rank_correlation_and_explained():
    x = np.array([0.1, 0.5, 0.2, 0.9])
    assert razor.rank_correlation(x, x**3) == pytest.approx(1)
    assert razor.rank_correlation(x, -x) == pytest.approx(-1)
    assert razor.explained(x, 2 + x - 3 * x**2) == pytest.approx(1)


def test_the_razor_turns_with_the_numbers():
    rng = np.random.default_rng(0)
    noise = {name: rng.uniform(0, 0.4) for name in WAYS}
    forgets = {name: 0.5 * n**2 for name, n in noise.items()}
    follows = text_numbers(
        gains={n: rng.uniform(0.1, 0.4) for n in WAYS}, forgets=forgets, moves=noise
    )
    assert "better than the gain" in razor.verdict(follows)
    rival = text_numbers(gains=noise, forgets=forgets, moves={n: rng.uniform(0, 1) for n in WAYS})
    assert "worse than the gain" in razor.verdict(rival)


def test_truncation_counts_the_directions(numbers):
    gains, lost = truncation.kept(numbers)
    assert gains[4] == pytest.approx(np.full(5, 0.8)) and lost[4] == pytest.approx(np.ones(5))
    assert (truncation.enough(numbers) == 32).all()  # 32/33 is the first above 0.95
    said = truncation.verdict(numbers)
    assert "32 to 32" in said and "takes up to 44 directions" in said


def test_intruders(numbers):
    said = intruders.verdict(numbers)
    assert "Intruders of LoRA r 8, everywhere, less full's: +9.0, above in 5 of 5 pairs" in said
    assert "less forgotten" in said
    ours, theirs = intruders.beside_all(
        intruders.runs_with(numbers, LORA, "singular values"), "singular values", "0.75"
    )
    assert (ours > theirs).all()  # three quarters of both, where all of ΔW forgets less
    none = intruders.verdict(text_numbers())
    assert "not told apart" in none and "of its intruders" not in none
