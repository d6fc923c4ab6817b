"""Numbers at the edge: a defined result, an error, or NumPy's own warning; never NaN in silence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from contracts.fit import refusal
from contracts.method_cases import SINGLE
from lora_np import AdamW, FullFineTuning, GPTConfig, cross_entropy, generate, next_token
from lora_np.methods import LoRALinear
from lora_np.nn import GPT, Linear
from lora_np.nn.functional import log_sigmoid, log_softmax, sigmoid, softmax_forward
from lora_np.nn.norm import LayerNorm
from lora_np.quant import quantize_nf4
from lora_np.tasks import Batch
from lora_np.train import train

RNG = np.random.default_rng
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)


def rows(largest):
    """float32 rows of any size up to `largest`, zeros and denormals among them."""
    shapes = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)
    numbers = st.floats(-largest, largest, width=32)
    return hnp.arrays(np.float32, shapes, elements=numbers)


@given(rows(2.0**126))
def test_softmax_is_shares_for_any_finite_scores(z):
    p, _ = softmax_forward(z)
    assert np.isfinite(p).all() and (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-5)
    assert (log_softmax(z) <= 0).all() and np.isfinite(log_softmax(z)).all()


@given(rows(2.0**126))
def test_sigmoid_and_its_log_are_defined_everywhere(x):
    assert ((sigmoid(x) >= 0) & (sigmoid(x) <= 1)).all()
    assert (log_sigmoid(x) <= 0).all() and np.isfinite(log_sigmoid(x)).all()


@given(rows(2.0**126), st.integers(0, 100))
def test_cross_entropy_is_finite_for_any_finite_logits(z, seed):
    targets = RNG(seed).integers(0, z.shape[1], (1, len(z)))
    batch = Batch(np.zeros_like(targets), targets, np.ones(targets.shape))
    loss, dlogits = cross_entropy(z[None], batch)
    assert np.isfinite(loss) and loss >= 0
    np.testing.assert_allclose(dlogits.sum(axis=-1), 0, atol=1e-6)


def test_a_score_of_minus_infinity_is_a_mask():
    p, _ = softmax_forward(np.float32([[-np.inf, 0.0, np.log(3.0)]]))
    np.testing.assert_allclose(p, [[0, 0.25, 0.75]], rtol=1e-6)


@pytest.mark.parametrize("row", [[-np.inf] * 3, [np.inf, 0, 1]], ids=["all masked", "infinite"])
def test_a_row_without_shares_is_not_silent(row):
    with pytest.raises(RuntimeWarning, match="invalid value"):
        softmax_forward(np.float32([row]))


def test_scores_whose_difference_overflows_are_not_silent():
    with pytest.raises(RuntimeWarning, match="overflow"):
        log_softmax(np.float32([[LARGEST, -LARGEST]]))


def test_a_batch_in_which_nothing_counts_is_an_error():
    tokens = np.zeros((2, 3), int)
    with pytest.raises(ValueError, match="sum to 0.0: no target counts"):
        cross_entropy(np.zeros((2, 3, 5)), Batch(tokens, tokens, np.zeros((2, 3))))


@given(st.sampled_from([1e-30, SMALLEST, 1e-10, 1e10, 1e18]), st.integers(0, 100))
def test_layer_norm_of_very_small_and_large_rows(size, seed):
    """Far below ε it fades to 0, far above it the size cancels, up to a variance in range."""
    x = RNG(seed).standard_normal((3, 8))
    norm = LayerNorm(np.ones(8, np.float32), np.zeros(8, np.float32))
    y = norm((x * size).astype(np.float32))
    expected = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    np.testing.assert_allclose(y, expected if size > 1 else 0, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [SMALLEST, 1e-38, 1e-30, 1e30, LARGEST])
@pytest.mark.parametrize("double_quant", [False, True])
def test_four_bits_of_very_small_and_large_weights(size, double_quant):
    w = (np.clip(RNG(0).standard_normal(128), -1, 1) * size).astype(np.float32)
    back = quantize_nf4(w, double_quant=double_quant).dequantize()
    assert np.isfinite(back).all()
    if size > 1e-37:
        assert np.abs(back - w).max() <= 0.16 * size  # half the widest step of the codebook


# Two tokens of the vocabulary start some prompts, and three classes are three classes.
SMALL = [case for case in SINGLE if "of tokens" not in case.name and "classes" not in case.name]


@pytest.mark.parametrize("vocab", [1, 2])
@pytest.mark.parametrize("B, T", [(1, 1), (1, 3), (2, 1)])
@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_the_smallest_model_and_batch_train(vocab, B, T, case):
    """Or the method says that it needs more words: a rank, or ids, past so small a table."""
    config = GPTConfig(vocab_size=vocab, n_positions=16, n_embd=4, n_layer=1, n_head=2)
    if refused := refusal(case.build(config), vocab):
        with pytest.raises(ValueError, match=refused):
            case.apply(GPT(config, RNG(0)), RNG(1))
        return
    model = case.apply(GPT(config, RNG(0)), RNG(1))
    tokens = np.zeros((B, T), int)
    batch = Batch(tokens, tokens, np.ones((B, T)))
    history = train(model, [batch] * 2, cross_entropy, AdamW(model.trainable_parameters()), steps=2)
    assert np.isfinite(history.losses).all()
    if model.config.vocab_size == 1:  # and no new token beside it
        assert history.losses == [0, 0], "one word has nothing to be unsure about"


@pytest.mark.parametrize("shape", [(2, 5), (5, 2), (3, 3), (1, 4), (4, 1)])
def test_the_largest_rank_and_no_more(shape):
    base = Linear(RNG(0).standard_normal(shape))
    full = min(shape)
    layer = LoRALinear(base, full, 2.0, RNG(1))
    layer.B.data[...] = RNG(2).standard_normal(layer.B.shape)
    assert np.linalg.matrix_rank(layer.A.data @ layer.B.data) == full
    with pytest.raises(ValueError, match=rf"from 1 to min\(in, out\) = {full}"):
        LoRALinear(base, full + 1, 2.0, RNG(1))


@pytest.mark.parametrize("size", [1e-30, 1e30, np.nan], ids=str)
def test_weights_of_an_extreme_size_train_to_numbers_or_an_error(size):
    config = GPTConfig(vocab_size=5, n_positions=8, n_embd=8, n_layer=1, n_head=2)
    model = FullFineTuning().apply(GPT(config, RNG(0)), RNG(0))
    for parameter in model.parameters():
        parameter.data *= np.float32(size)
    batch = next_token(RNG(1).integers(0, 5, (2, 6)))
    before = [p.data.copy() for p in model.parameters()]
    optimizer = AdamW(model.trainable_parameters())
    try:
        history = train(model, [batch] * 3, cross_entropy, optimizer, steps=3)
    except FloatingPointError as error:
        assert "is nan" in str(error) or "is inf" in str(error)
        for parameter, kept in zip(model.parameters(), before):
            np.testing.assert_array_equal(parameter.data, kept)
    else:
        assert np.isfinite(history.losses).all()
        assert all(np.isfinite(p.data).all() for p in model.parameters())


def test_nothing_is_written_from_logits_that_are_no_numbers():
    config = GPTConfig(vocab_size=5, n_positions=8, n_embd=8, n_layer=1, n_head=2)
    model = GPT(config, RNG(0))
    model.ln_f.weight.data[0] = np.nan
    with pytest.raises(FloatingPointError, match="generate: the model's logits are not finite"):
        generate(model, np.array([0, 1]), 3)
