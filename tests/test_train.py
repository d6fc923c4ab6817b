"""The loop and what stands around it: schedule, clipping, stopping, resuming, remembering."""

import json
import math
import signal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np import SGD, AdamW, FullFineTuning, LoRA, Parameter, cross_entropy, next_token
from lora_np.history import History
from lora_np.nn import GPT, GPTConfig
from lora_np.train import (
    clip_gradients,
    held_out_loss,
    reuse_memory,
    train,
    warmup_cosine,
)
from models import CONFIG, small_gpt

DROPPING = GPTConfig(
    vocab_size=7, n_positions=8, n_embd=6, n_layer=2, n_head=2, embd_pdrop=0.1, resid_pdrop=0.2
)


def draw(rng, B=4, T=5):
    """Batches without end of a pattern that can be learnt: each token is the last one plus 1."""
    while True:
        first = rng.integers(0, CONFIG.vocab_size, (B, 1))
        yield next_token((first + np.arange(T + 1)) % CONFIG.vocab_size)


def start(method=None, optimizer=AdamW, seed=0, config=DROPPING):
    """(model, optimizer, rng) of a run that has not begun."""
    rng = np.random.default_rng(seed)
    model = (method or FullFineTuning()).apply(GPT(config, rng), rng)
    return model, optimizer(model.trainable_parameters(), lr=0.01), rng


def run(steps, *, parts=None, batches=None, **options):
    model, optimizer, rng = parts or start()
    history = train(
        model, batches or draw(rng), cross_entropy, optimizer, steps=steps, rng=rng,
        schedule=warmup_cosine(8, warmup=2), **options,
    )  # fmt: skip
    return model, optimizer, rng, history


def bits(model, optimizer, rng):
    arrays = [p.data for p in model.parameters()] + list(optimizer.state().values())
    return [array.tobytes() for array in arrays], rng.bit_generator.state


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


@pytest.mark.parametrize("optimizer", [AdamW, SGD])
@pytest.mark.parametrize("method", [FullFineTuning(), LoRA(2, 3.0, dropout=0.3)])
def test_a_run_resumed_equals_one_never_stopped(tmp_path, method, optimizer):
    """Bit for bit: weights, moments, the generator, the curve; with dropout and a schedule."""
    unbroken = run(8, parts=start(method, optimizer), evaluate=lambda: {"one": 1.0}, every=3)
    path = tmp_path / "state.safetensors"
    options = {"checkpoint": path, "evaluate": lambda: {"one": 1.0}, "every": 3}
    run(3, parts=start(method, optimizer), **options)
    other_seed = start(method, optimizer, seed=0)
    other_seed[2].random(17)  # a generator somewhere else: its state must come from the file
    resumed = run(8, parts=other_seed, resume=True, **options)
    assert bits(*resumed[:3]) == bits(*unbroken[:3])
    assert resumed[3].losses == unbroken[3].losses and resumed[3].rates == unbroken[3].rates
    assert resumed[3].evaluations == unbroken[3].evaluations


@pytest.fixture(autouse=True)
def pythons_own_ctrl_c():
    """A shell that started this in the background told it to ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_after_a_whole_step_and_leaves_a_usable_checkpoint(tmp_path):
    path, before = tmp_path / "state.safetensors", signal.getsignal(signal.SIGINT)

    def pressed_at_the_third(rng):
        for number, batch in enumerate(draw(rng), start=1):
            if number == 3:
                signal.raise_signal(signal.SIGINT)
            yield batch

    parts = start()
    _, _, _, history = run(8, parts=parts, batches=pressed_at_the_third(parts[2]), checkpoint=path)
    assert history.interrupted and len(history.losses) == 3
    assert signal.getsignal(signal.SIGINT) is before, "the handler is put back"
    resumed, unbroken = run(8, checkpoint=path, resume=True), run(8)
    assert not resumed[3].interrupted
    assert bits(*resumed[:3]) == bits(*unbroken[:3])


def test_a_second_ctrl_c_ends_at_once():
    def pressed_twice(rng):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        yield from draw(rng)

    parts = start()
    with pytest.raises(KeyboardInterrupt):
        run(8, parts=parts, batches=pressed_twice(parts[2]))


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
        train(model, draw(rng), breaks_at_step_two, optimizer, steps=8, rng=rng,
              schedule=lambda step: 2.0)  # fmt: skip
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


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"method": LoRA(2, 3.0)}, "saved by another run"),
        ({"optimizer": SGD}, "saved by another run.*expected nothing"),
        ({"config": CONFIG, "method": LoRA(3, 3.0)}, "saved by another run"),
    ],
)
def test_a_state_of_another_run_is_refused_untouched(tmp_path, other, message):
    path = tmp_path / "state.safetensors"
    run(2, checkpoint=path)
    parts = start(**other)
    before = bits(*parts)
    with pytest.raises(ValueError, match=message):
        run(8, parts=parts, checkpoint=path, resume=True)
    assert bits(*parts) == before


def test_no_state_is_an_error_that_names_the_path(tmp_path):
    with pytest.raises(ValueError, match="gone.*no training state to resume from"):
        run(8, checkpoint=tmp_path / "gone", resume=True)
    (tmp_path / "half").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(ValueError, match="half.*no training state to resume from"):
        run(8, checkpoint=tmp_path / "half", resume=True)


@given(steps=st.integers(2, 50), share=st.floats(0, 1), floor=st.sampled_from([0.0, 0.1]))
def test_the_schedule_rises_to_one_and_falls_to_its_floor(steps, share, floor):
    warmup = int(share * (steps - 1))
    rates = [warmup_cosine(steps, warmup, floor)(step) for step in range(steps + 1)]
    assert all(a < b for a, b in zip(rates[:warmup], rates[1 : warmup + 1]))
    assert all(a >= b for a, b in zip(rates[warmup:], rates[warmup + 1 :]))
    assert rates[warmup] == 1 and math.isclose(rates[-1], floor, abs_tol=1e-12)
    assert min(rates) >= 0 and max(rates) == 1


def test_a_warm_up_longer_than_the_run_is_refused():
    with pytest.raises(ValueError, match="warm-up from 0 to 5 steps, got 6"):
        warmup_cosine(5, warmup=6)


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


@given(cut=st.integers(1, 5))
def test_a_held_out_loss_does_not_depend_on_how_it_is_batched(cut):
    """Each target weighs the same: a mean of batch means would not pass."""
    model = small_gpt()
    tokens = np.random.default_rng(1).integers(0, CONFIG.vocab_size, (6, 6))
    whole = next_token(tokens, lengths=[6, 2, 3, 6, 5, 2])
    parts = [next_token(tokens[:cut], [6, 2, 3, 6, 5, 2][:cut]),
             next_token(tokens[cut:], [6, 2, 3, 6, 5, 2][cut:])]  # fmt: skip
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


def test_history_survives_json_and_plots():
    *_, history = run(6, evaluate=lambda: {"code": 2.0, "prose": 1.5}, every=2)
    assert History(**json.loads(json.dumps(history.as_dict()))) == history
    picture = history.plot("a title")
    assert "a title: over 6 steps" in picture.alt and "held-out prose 1.50 to 1.50" in picture.alt
    assert "<img alt=" in picture._repr_html_()


def test_reuse_memory_says_whether_it_worked():
    assert reuse_memory() in (True, False)
