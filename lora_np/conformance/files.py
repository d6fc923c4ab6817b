"""Saving and loading: everything comes back, and what does not fit is said.

`save(layer)` is {key: array}, as a state dict or a file holds it, and `load(layer, state)` puts it
into a new layer of the same shape and returns it.
"""

import numpy as np

from .drawn import tenths
from .law import Broken, law

FILES = "make forward set_factors save load"
SILENT = "keys are matched where they fit, and the rest is dropped in silence"


@law(FILES, "something is not saved, or is saved transposed, scaled or rounded", 12)
def loading_undoes_saving(s, x, W, A, B, alpha):
    """layer(x) after save and load is what it was, exactly."""
    layer = s.moved(W, A, B, alpha)
    state = s.save(layer)
    again = s.load(s.make(W, A.shape[1], alpha), state)
    fresh = s.forward(s.make(W, A.shape[1], alpha), x)
    s.same("layer(x) from the file", s.forward(again, x), s.forward(layer, x), {
        "nothing was loaded: the layer is as new": fresh,
    })  # fmt: skip


@law(FILES, "loading adds to what is there, or keeps a part of it", 12)
def loading_replaces_what_was_there(s, x, W, A, B, alpha):
    """Into a layer that has learnt something else, too."""
    layer, other = s.moved(W, A, B, alpha), s.moved(W, 2 * A, B - 1, alpha)
    again = s.load(other, s.save(layer))
    s.same("layer(x) loaded over another", s.forward(again, x), s.forward(layer, x))


@law("make set_factors save factors", "the state is a view: training goes on inside it", 12)
def what_was_saved_stays_as_it_was(s, W, A, B, alpha):
    """A checkpoint kept in memory is a copy, not a window onto the layer."""
    layer = s.moved(W, A, B, alpha)
    state = s.thing.save(layer)
    before = {key: np.array(value) for key, value in state.items()}
    s.set_factors(layer, **{name: value + 1 for name, value in s.factors(layer).items()})
    for key, value in state.items():
        if not np.array_equal(np.asarray(value), before[key]):
            raise Broken(f"{key} in the saved state", value, before[key])


@law(FILES, SILENT, 12)
def a_missing_key_is_loud(s, W, A, B, alpha):
    """Half an adapter is none: a file without B, loaded in silence, is the base model."""
    state = s.save(s.moved(W, A, B, alpha))
    for key in state:
        rest = {name: value for name, value in state.items() if name != key}
        s.loud(
            f"loading a state without {key}", lambda rest=rest: load(s, W, A, alpha, rest), SILENT
        )


@law(FILES, SILENT, 12)
def an_unexpected_key_is_loud(s, W, A, B, alpha):
    """Keys of another name (a prefix, another library's, another layer's) are not ignored."""
    state = s.save(s.moved(W, A, B, alpha))
    extra = {**state, "not.a.key.of.this.layer": np.ones(2)}
    s.loud("loading a state with one key too many", lambda: load(s, W, A, alpha, extra), SILENT)


@law(FILES, SILENT, 12)
def renamed_keys_are_loud(s, W, A, B, alpha):
    """The commonest accident: every key has a prefix more, and so nothing fits."""
    state = s.save(s.moved(W, A, B, alpha))
    renamed = {f"base_model.{key}": value for key, value in state.items()}
    s.loud("loading a state whose keys all have a prefix more",
           lambda: load(s, W, A, alpha, renamed), SILENT)  # fmt: skip


@law(FILES, "a shape that does not fit is broadcast, cut or flattened", 12)
def a_wrong_shape_is_loud(s, W, A, B, alpha):
    """An adapter of another rank is an error, and no fit."""
    state = s.save(s.moved(W, A, B, alpha))
    wider = {
        key: np.repeat(value, 2, -1) if np.ndim(value) else value for key, value in state.items()
    }
    if any(np.ndim(value) for value in state.values()):
        s.loud("loading arrays of twice the width", lambda: load(s, W, A, alpha, wider))


@law("make set_factors save", "the whole model is saved: name the adapter's own parameters", 12)
def the_base_stays_out_of_the_file(s, W, A, B, alpha):
    """An adapter's file holds the adapter: that it is small is half of why there are adapters."""
    W = W + 10 * tenths([9], *W.shape)
    for key, value in s.save(s.moved(W, A, B, alpha)).items():
        if np.shape(value) in (W.shape, W.T.shape):
            for weight in (W, W.T):
                if weight.shape == np.shape(value) and np.allclose(value, weight, atol=1e-3):
                    raise Broken(
                        "what is saved beside the factors", f"{key} is W", "no base weight"
                    )


def load(s, W, A, alpha, state):
    return s.load(s.make(W, A.shape[1], alpha), state)
