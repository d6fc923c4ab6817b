"""The loop and what stands around it: schedule, clipping, evaluating, stopping."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.models import CONFIG, small_gpt
from helpers.runs import bits, draw, run, start
from lora_np import SGD, Parameter, cross_entropy, next_token
from lora_np.train.loop import clip_gradients, held_out_loss, train, warmup_cosine


def test_it_is_the_five_line_loop():
    model, optimizer, rng = start()
    schedule = warmup_cosine(8, warmup=2)
    losses = []
    for step, batch in zip(range(4), draw(rng)):
        logits, cache = model.forward(batch.tokens, rng=rng)
        loss, dlogits = cross_entropy(logits, batch)
        model.backward(dlogits, cache)
        optimizer.rate = schedule(step)
        optimizer.step()
        losses.append(loss)
    trained, its_optimizer, its_rng, history = run(4, clip=None)
    assert history.losses == losses
    assert bits(trained, its_optimizer, its_rng)[0] == bits(model, optimizer, rng)[0]


def test_the_loss_falls():
    model, optimizer, rng = start(config=CONFIG)
    history = train(model, draw(rng), cross_entropy, optimizer, steps=150, rng=rng)
    assert np.mean(history.losses[-10:]) < 0.5 * history.losses[0]


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_what_is_not_finite_stops_before_it_reaches_the_weights(where):
    model, optimizer, rng = start()
    seen = []

    def breaks_at_step_two(logits, batch):
        loss, dlogits = cross_entropy(logits, batch)
        seen.append([p.data.tobytes() for p in model.parameters()])
        if len(seen) == 3:
            return (math.nan, dlogits) if where == "loss" else (loss, dlogits * np.float32(np.inf))
        return loss, dlogits

    with pytest.raises(FloatingPointError, match="at step 2, with learning rate 0.02") as error:
        train(
            model,
            draw(rng),
            breaks_at_step_two,
            optimizer,
            steps=8,
            rng=rng,
            schedule=lambda step: 2.0,
        )
    assert where in str(error.value) and "Try a third of the learning rate" in str(error.value)
    assert [p.data.tobytes() for p in model.parameters()] == seen[-1]
    assert all(p.grad is None for p in model.parameters())


def test_a_rate_that_is_far_too_large_ends_in_that_error():
    model, _, rng = start(config=CONFIG)
    with pytest.raises(FloatingPointError, match="learning rate 1e\\+30"):
        train(model, draw(rng), cross_entropy, SGD(model.parameters(), lr=1e30), steps=8)


def test_batches_that_run_out_are_named():
    parts = start()
    two = [next(draw(parts[2])) for _ in range(2)]
    with pytest.raises(ValueError, match="ran out after 2 of 8 steps"):
        run(8, parts=parts, batches=two)


@given(seed=st.integers(0, 2**32 - 1), largest=st.floats(0.01, 100))
def test_clipping_bounds_the_common_norm_and_keeps_the_direction(seed, largest):
    rng = np.random.default_rng(seed)
    parameters = [Parameter(np.zeros(shape)) for shape in ((3, 2), (4,), (2,))]
    before = [rng.standard_normal(p.shape) for p in parameters[:2]]
    for parameter, gradient in zip(parameters, before):
        parameter.grad = gradient.copy()  # the third has none
    norm = clip_gradients(parameters, largest)
    flat = np.concatenate([g.ravel() for g in before])
    np.testing.assert_allclose(norm, np.linalg.norm(flat))
    clipped = np.concatenate([p.grad.ravel() for p in parameters[:2]])
    np.testing.assert_allclose(clipped, flat * min(1, largest / norm))
    assert parameters[2].grad is None


@pytest.mark.parametrize("value", [np.inf, np.nan, 1e30])
def test_clipping_tells_without_a_warning_of_a_norm_that_is_not_finite(value):
    parameter = Parameter(np.zeros(2, np.float32))
    parameter.grad = np.float32([value, 1])
    assert not math.isfinite(clip_gradients([parameter], 1.0))


@given(cut=st.integers(1, 5))
def test_a_held_out_loss_does_not_depend_on_how_it_is_batched(cut):
    """Each target weighs the same: a mean of batch means would not pass."""
    model = small_gpt()
    tokens = np.random.default_rng(1).integers(0, CONFIG.vocab_size, (6, 6))
    whole = next_token(tokens, lengths=[6, 2, 3, 6, 5, 2])
    parts = [
        next_token(tokens[:cut], [6, 2, 3, 6, 5, 2][:cut]),
        next_token(tokens[cut:], [6, 2, 3, 6, 5, 2][cut:]),
    ]
    np.testing.assert_allclose(
        held_out_loss(model, parts, cross_entropy), held_out_loss(model, [whole], cross_entropy)
    )


def test_evaluation_comes_first_last_and_between():
    asked = iter(range(100))
    *_, history = run(7, evaluate=lambda: {"count": next(asked)}, every=3)
    assert history.curve("count") == ([0, 3, 6, 7], [0, 1, 2, 3])


def test_the_bar_shows_only_on_a_terminal(capsys):
    run(3)
    assert capsys.readouterr().err == ""
    run(3, progress=True)
    shown = capsys.readouterr().err
    assert "0/3" in shown and "step/s" in shown and shown.isascii()


@given(steps=st.integers(2, 50), share=st.floats(0, 1), floor=st.sampled_from([0.0, 0.1]))
def test_the_schedule_rises_to_one_and_falls_to_its_floor(steps, share, floor):
    warmup = int(share * (steps - 1))
    rates = [warmup_cosine(steps, warmup, floor)(step) for step in range(steps + 1)]
    assert np.allclose(rates[: warmup + 1], np.arange(1, warmup + 2) / (warmup + 1)), "evenly"
    assert all(a >= b for a, b in zip(rates[warmup:], rates[warmup + 1 :]))
    assert rates[warmup] == 1 and math.isclose(rates[-1], floor, abs_tol=1e-12)
    assert min(rates) >= 0 and max(rates) == 1


def test_a_warm_up_longer_than_the_run_is_refused():
    with pytest.raises(ValueError, match="warm-up from 0 to 5 steps, got 6"):
        warmup_cosine(5, warmup=6)
