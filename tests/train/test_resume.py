"""A run that stops and goes on: checkpoints, Ctrl-C, and the states of other runs."""

import signal

import numpy as np
import pytest

from helpers.models import CONFIG, small_gpt
from helpers.runs import bits, draw, run, start
from lora_np import SGD, AdamW, FullFineTuning, LoRA
from lora_np.checkpoint.safetensors_io import save_tensors
from lora_np.system.process import interrupts_end_all
from lora_np.train import AdamW8bit, History
from lora_np.train.resume import KEY, load_state, save_state, steps_done


@pytest.mark.parametrize("optimizer", [AdamW, AdamW8bit, SGD])
@pytest.mark.parametrize("method", [FullFineTuning(), LoRA(2, 3.0, dropout=0.3)])
def test_a_run_resumed_equals_one_never_stopped(tmp_path, monkeypatch, method, optimizer):
    """Bit for bit: weights, moments, the generator, the curve; with dropout and a schedule."""
    monkeypatch.setattr("lora_np.train.adamw_8bit.LEAST", 10)
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


def pressed_at_the_third(rng):
    for number, batch in enumerate(draw(rng), start=1):
        if number == 3:
            signal.raise_signal(signal.SIGINT)
        yield batch


def test_ctrl_c_ends_after_a_whole_step_and_leaves_a_usable_checkpoint(tmp_path):
    path, before = tmp_path / "state.safetensors", signal.getsignal(signal.SIGINT)
    parts = start()
    _, _, _, history = run(8, parts=parts, batches=pressed_at_the_third(parts[2]), checkpoint=path)
    assert history.interrupted and len(history.losses) == 3
    assert signal.getsignal(signal.SIGINT) is before, "the handler is put back"
    resumed, unbroken = run(8, checkpoint=path, resume=True), run(8)
    assert not resumed[3].interrupted
    assert bits(*resumed[:3]) == bits(*unbroken[:3])


def test_where_ctrl_c_ends_all_only_a_run_that_can_go_on_is_evaluated_and_saved(tmp_path):
    asked = iter(range(9))

    def interrupted(**options):
        parts, options["evaluate"] = start(), lambda: {"asked": next(asked)}
        return run(8, parts=parts, batches=pressed_at_the_third(parts[2]), **options)[3]

    with interrupts_end_all():
        assert interrupted(checkpoint=tmp_path / "state").curve("asked") == ([0, 3], [0, 1])
        with pytest.raises(KeyboardInterrupt):
            interrupted()
    assert next(asked) == 3, "once more, before the first step"
    assert len(load_state(tmp_path / "state", *start()).losses) == 3


def test_a_second_ctrl_c_ends_at_once():
    def pressed_twice(rng):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        yield from draw(rng)

    parts = start()
    with pytest.raises(KeyboardInterrupt):
        run(8, parts=parts, batches=pressed_twice(parts[2]))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"method": LoRA(2, 3.0)}, "saved by another run"),
        ({"optimizer": SGD}, "optimizer.m.0, expected nothing, found .'<f4', .7, 6.."),
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
    said = r"gone: no training state to resume from \(not a readable.*there is no such file\)$"
    with pytest.raises(ValueError, match=said):  # the path once
        run(8, checkpoint=tmp_path / "gone", resume=True)
    (tmp_path / "half").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(ValueError, match="half.*no training state to resume from"):
        run(8, checkpoint=tmp_path / "half", resume=True)
    save_tensors({"x": np.ones(2)}, tmp_path / "other", {KEY: '{"rng": null}'})
    with pytest.raises(ValueError, match="other.*resume from .*a random generator and a history"):
        run(8, checkpoint=tmp_path / "other", resume=True)


def test_fewer_steps_than_are_done_are_refused_untouched(tmp_path):
    run(3, checkpoint=tmp_path / "state")
    before = (tmp_path / "state").read_bytes()
    assert steps_done(tmp_path / "state") == 3
    with pytest.raises(ValueError, match="^the run is at step 3 already; steps=2 asks for fewer"):
        run(2, checkpoint=tmp_path / "state", resume=True)
    assert (tmp_path / "state").read_bytes() == before
    assert len(run(3, checkpoint=tmp_path / "state", resume=True)[3].losses) == 3


def test_another_kind_of_generator_is_refused_untouched(tmp_path):
    run(2, checkpoint=tmp_path / "state")
    model, optimizer, _ = start()
    parts = model, optimizer, np.random.Generator(np.random.Philox(0))
    before = str(bits(*parts))
    with pytest.raises(ValueError, match="state: its random generator is of another kind"):
        run(8, parts=parts, checkpoint=tmp_path / "state", resume=True)
    assert str(bits(*parts)) == before


@pytest.mark.parametrize(
    "other", [LoRA(2, 64.0), LoRA(2, 16.0, rslora=True), LoRA(2, 16.0, "all-linear")]
)
def test_a_state_says_which_method_it_is_of(tmp_path, other):
    """Another alpha has arrays of the same shapes, and would go on from other weights."""
    path = tmp_path / "state.safetensors"
    model, optimizer = adapted(LoRA(2, 16.0))
    save_state(path, model, optimizer, None, History())
    load_state(path, *adapted(LoRA(2, 16.0)), None)
    with pytest.raises(ValueError, match="saved by another run, of LoRA.rank=2, alpha=16.0"):
        load_state(path, *adapted(other), None)


def adapted(method):
    model = method.apply(small_gpt(dtype=np.float32), np.random.default_rng(0))
    return model, AdamW(model.trainable_parameters())
