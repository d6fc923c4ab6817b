"""A run's state in one file: enough to go on as if it had never stopped.

One safetensors file holds the arrays that train and the optimizer's; the step, the random
generator and the history are JSON in its metadata. One file is replaced at once, so arrays and
step can never come from two different moments.
"""

import contextlib
import json
from pathlib import Path

from ..checkpoint.safetensors_io import FLOATS, LAYOUTS, open_tensors, save_tensors
from ..methods.describe import describe
from ..system.checks import is_number
from ..system.files import whole_file
from ..system.json_text import parse_json
from .history import History

KEY = "lora_np.training"


def save_state(path, model, optimizer, rng, history):
    """Write what trains, the optimizer's arrays, rng and history to `path`, whole or not at all."""
    state = {"rng": None if rng is None else rng.bit_generator.state, "history": history.as_dict()}
    state["methods"] = [describe(method) for method in model.methods]
    with whole_file(path) as temporary:
        save_tensors(_arrays(model, optimizer), temporary, {KEY: json.dumps(state)})


def load_state(path, model, optimizer, rng):
    """Write a saved state into model, optimizer and rng, in place; returns the History.

    Raises: ValueError, before anything is written, if the file is missing or no such state, holds
    numbers that are not finite, or fits another model, optimizer or kind of generator.
    """
    path, arrays = Path(path), _arrays(model, optimizer)
    with contextlib.ExitStack() as stack:
        stored, rng_state, history, methods = _opened(path, stack)
        here = [describe(method) for method in model.methods]
        if methods is not None and methods != here:
            raise ValueError(
                f"{path}: it was saved by another run, of {', '.join(methods) or 'no method'}; "
                f"this one is {', '.join(here) or 'of no method'}. Resume with the same settings"
            )
        wanted = {n: (a.dtype.newbyteorder("<").str, a.shape) for n, a in arrays.items()}
        found = {n: (LAYOUTS.get(t.kind, t.kind), t.shape) for n, t in stored.items()}
        if wanted != found:
            odd = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
            raise ValueError(
                f"{path}: it was saved by another run. First difference: {odd[0]}, expected "
                f"{wanted.get(odd[0], 'nothing')}, found {found.get(odd[0], 'nothing')}"
            )
        saved = {}
        for name, tensor in stored.items():
            real = tensor.kind in FLOATS
            saved[name] = (
                tensor.read(arrays[name].dtype) if real else tensor.read_raw(("I64", "U8"))
            )
    if rng is not None:
        trial = type(rng.bit_generator)()  # a setter may fail halfway: not on the caller's own
        try:
            trial.state = rng_state
            fits = trial.state == rng_state
        except (TypeError, ValueError, KeyError, OverflowError):
            fits = False
        if not fits:
            raise ValueError(f"{path}: its random generator is of another kind")
        rng.bit_generator.state = rng_state
    for name, array in arrays.items():
        array[...] = saved[name]
    return history


def steps_done(path):
    """The step that the state at `path` is of. Raises: ValueError as `load_state` does."""
    with contextlib.ExitStack() as stack:
        _, _, history, _ = _opened(Path(path), stack)
        return len(history.losses)


def _opened(path, stack):
    """The arrays in the file, open until `stack` ends, and what `_state` finds beside them."""
    try:
        stored = stack.enter_context(open_tensors(path))
        return stored, *_state(stored)
    except ValueError as error:
        why = str(error).removeprefix(f"{path}: ")  # which is said already
        raise ValueError(f"{path}: no training state to resume from ({why})") from None


def _state(stored):
    """(the generator's state, the History, the methods in words) beside the arrays.

    States of version 0.1 name no methods: None.
    """
    tensor = next(iter(stored.values()), None)
    text = tensor and tensor.metadata().get(KEY)
    if text is None:
        raise ValueError(f"its metadata has no {KEY}")
    state = parse_json(text)
    if not isinstance(state, dict) or state.keys() | {"methods"} != {"rng", "history", "methods"}:
        raise ValueError("expected a random generator and a history")
    methods = state.get("methods")
    if not (methods is None or isinstance(methods, list) and all(type(m) is str for m in methods)):
        raise ValueError("expected the methods' names")
    kept, names = state["history"], History().as_dict().keys()
    if not isinstance(kept, dict) or kept.keys() != names:
        raise ValueError(f"expected a history with {', '.join(names)}")
    history = History(**kept)
    losses, rates, evaluations = history.losses, history.rates, history.evaluations
    fine = (
        all(isinstance(part, list) for part in (losses, rates, evaluations))
        and len(losses) == len(rates)
        and all(isinstance(each, dict) and "step" in each for each in evaluations)
        and all(map(is_number, [*losses, *rates, history.seconds, history.cpu_seconds]))
        and all(is_number(value) for each in evaluations for value in each.values())
        and isinstance(history.interrupted, bool)
    )
    if not fine:
        raise ValueError("its history holds other things than numbers, one loss and rate a step")
    return state["rng"], history, methods


def _arrays(model, optimizer):
    """The live arrays by name: what trains, and what the optimizer remembers."""
    arrays = {f"model.{n}": p.data for n, p in model.named_parameters() if p.trainable}
    return arrays | {f"optimizer.{n}": array for n, array in optimizer.state().items()}
