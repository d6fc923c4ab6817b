"""A run's state in one file: enough to go on as if it had never stopped.

One safetensors file holds the arrays that train and the optimizer's; the step, the random
generator and the history are JSON in its metadata. One file is replaced at once, so arrays and
step can never come from two different moments.
"""

import json

from safetensors import SafetensorError, safe_open

from .checkpoint.tensors import save_tensors
from .files import whole_file
from .history import History

KEY = "lora_np.training"


def save_state(path, model, optimizer, rng, history):
    """Write what trains, the optimizer's arrays, rng and history to `path`, whole or not at all."""
    state = {
        "rng": None if rng is None else rng.bit_generator.state,
        "history": history.as_dict(),
    }
    with whole_file(path) as temporary:
        save_tensors(_arrays(model, optimizer), temporary, {KEY: json.dumps(state)})


def load_state(path, model, optimizer, rng):
    """Write a saved state into model, optimizer and rng, in place; returns the History.

    Raises: ValueError if the file is missing, is no such state, or fits another model, another
    optimizer or another kind of generator, before anything is written.
    """
    try:
        with safe_open(path, framework="np") as file:
            state = json.loads((file.metadata() or {})[KEY])
            saved = {name: file.get_tensor(name) for name in file.keys()}
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: no training state to resume from ({error})") from None
    arrays = _arrays(model, optimizer)
    wanted = {name: (array.dtype, array.shape) for name, array in arrays.items()}
    found = {name: (array.dtype, array.shape) for name, array in saved.items()}
    if wanted != found:
        odd = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
        raise ValueError(
            f"{path}: it was saved by another run. First difference: {odd[0]}, expected "
            f"{wanted.get(odd[0], 'nothing')}, found {found.get(odd[0], 'nothing')}"
        )
    if rng is not None:
        try:
            rng.bit_generator.state = state["rng"]
        except (TypeError, ValueError, KeyError):
            raise ValueError(f"{path}: its random generator is of another kind") from None
    for name, array in arrays.items():
        array[...] = saved[name]
    return History(**state["history"])


def _arrays(model, optimizer):
    """The live arrays by name: what trains, and what the optimizer remembers."""
    arrays = {f"model.{n}": p.data for n, p in model.named_parameters() if p.trainable}
    return arrays | {f"optimizer.{n}": array for n, array in optimizer.state().items()}
