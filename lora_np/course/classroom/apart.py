"""An answer in one process and its laws in another: what goes between the two.

The judge calls, and what it hands over is pickled, for the judge is trusted. What comes back is
not: it is JSON of numbers, text, arrays and lists, never unpickled. So an answer that patches
laws, comparisons or NumPy patches its own copies, and its judge's stay as they are.
"""

import base64
import contextlib
import json
import sys
import threading
import warnings

import numpy as np

from ...system.json_text import parse_json
from .exercise import Capped, told

LARGEST = 20_000_000  # bytes of one result
PLAIN = (type(None), bool, int, float, str)
# What a law or its judge tells apart; any other error is an Exception to them.
ERRORS = (NotImplementedError, SystemExit, ValueError, KeyError, IndexError, Exception)
RAISED = {kind.__name__: kind for kind in ERRORS}

# In the answer's process: set while it is the judge's turn, and doing nothing is no idleness.
JUDGING = threading.Event()


class Gone(BaseException):
    """The answer's process has ended. No Exception, for no law may catch it."""


class Opaque:
    """Stands for a result that is no number, text, array or list of them."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


def encode(value, functions):
    """`value` as JSON holds it; what can be called goes into the list `functions`."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "biufc":
        array = np.asarray(value)
        data = base64.b64encode(array.tobytes()).decode()
        scalar = isinstance(value, np.generic)
        return {"array": data, "dtype": array.dtype.str, "shape": array.shape, "scalar": scalar}
    if isinstance(value, np.ndarray | range):
        return encode(list(value), functions)
    for kind in (list, tuple):
        if isinstance(value, kind):
            return {kind.__name__: [encode(item, functions) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(part, functions) for part in pair] for pair in value.items()]}
    if value is ...:
        return {"dots": True}
    if callable(value):
        functions.append(value)
        return {"function": len(functions) - 1}
    if hasattr(value, "__array__"):
        return encode(np.asarray(value), functions)
    if hasattr(value, "__float__"):  # fractions, decimals
        return float(value)
    return {"opaque": repr(value)[:200], "type": type(value).__name__}


def decode(value, connection):
    """What `encode` was given; functions are called through the connection.

    Raises: ValueError, TypeError or KeyError for what `encode` does not write.
    """
    if type(value) in PLAIN:
        return value
    if "array" in value:
        dtype = np.dtype(value["dtype"])
        if dtype.kind not in "biufc":
            raise ValueError(f"expected numbers, got an array of {dtype}")
        array = np.frombuffer(bytearray(base64.b64decode(value["array"])), dtype)
        array = array.reshape(value["shape"])
        return array[()] if value["scalar"] else array
    if "list" in value:
        return [decode(item, connection) for item in value["list"]]
    if "tuple" in value:
        return tuple(decode(item, connection) for item in value["tuple"])
    if "dict" in value:
        return dict([decode(part, connection) for part in pair] for pair in value["dict"])
    if "dots" in value:
        return ...
    if "function" in value:
        return Function(connection, int(value["function"]))
    return type(str(value["type"]), (Opaque,), {})(str(value["opaque"]))


def movable(values):
    """The arrays and generators in lists, tuples and dicts, in the same order in both processes."""
    for value in values:
        if isinstance(value, np.ndarray | np.random.Generator):
            yield value
        elif isinstance(value, list | tuple):
            yield from movable(value)
        elif isinstance(value, dict):
            yield from movable(value.values())


def state(value):
    """A copy of what a call can change in an array or a generator."""
    if isinstance(value, np.ndarray):
        return value.copy()
    return value.bit_generator.state


def differs(value, before):
    if isinstance(value, np.ndarray):
        return value.tobytes() != before.tobytes()
    return value.bit_generator.state != before


class Function:
    """The judge's side of a function in the answer's process."""

    def __init__(self, connection, place):
        self.connection, self.place = connection, place

    def __call__(self, *args, **kwargs):
        """What the answer returns, or the error that it raises; arrays and generators move.

        Raises: Gone if its process ends first.
        """
        try:
            self.connection.send((self.place, args, kwargs))
        except OSError:
            raise Gone from None
        reply = receive(self.connection)
        sys.stdout.write(str(reply["printed"]))
        for value, moved in zip(movable([args, kwargs]), reply["moved"]):
            if moved is None:
                continue
            if isinstance(value, np.ndarray):
                value[...] = decode(moved, self.connection)
            else:
                value.bit_generator.state = decode(moved, self.connection)
        if "raised" in reply:
            error = next(RAISED[name] for name in reply["raised"] if name in RAISED)()
            error.told = [str(line) for line in reply["told"]]
            raise error
        return decode(parse_json(reply["result"]), self.connection)


def receive(connection):
    """The next message of the answer's process. Raises: Gone if there is none."""
    try:
        return parse_json(connection.recv_bytes(LARGEST))
    except (EOFError, OSError):
        raise Gone from None


def send(connection, message):
    connection.send_bytes(json.dumps(message).encode())


def serve(connection, functions):
    """The answer's side: call what the judge asks for, until it has seen enough."""
    while True:
        try:
            place, args, kwargs = connection.recv()  # the judge's, and so trusted
        except EOFError:
            return
        JUDGING.clear()
        reply = called(functions[place], args, kwargs, functions)
        JUDGING.set()
        send(connection, reply)


def called(function, args, kwargs, functions):
    """One call's result or error, what it printed, and the arrays and generators that it moved."""
    said, given = Capped(), list(movable([args, kwargs]))
    before = [state(value) for value in given]
    try:
        with contextlib.redirect_stdout(said), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            reply = {"result": json.dumps(encode(function(*args, **kwargs), functions))}
        if len(reply["result"]) > LARGEST // 4:
            raise ValueError(f"a result of more than {LARGEST // 4:,} bytes")
    except (Exception, SystemExit) as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        reply = {"raised": kinds, "told": told(error)}
    moved = [
        encode(state(value), functions) if differs(value, kept) else None
        for value, kept in zip(given, before)
    ]
    return {**reply, "printed": said.getvalue(), "moved": moved}
