"""What the tests sweep over: functions of a module, so that other processes find them."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from lora_np import AdamW, LoRA, cross_entropy, next_token
from lora_np.nn import GPT, GPTConfig
from lora_np.train import train


def small_train(cell):
    """A real, tiny training: what comes out depends on every number of the cell."""
    rng = np.random.default_rng(cell["seed"])
    base = GPT(GPTConfig(11, 8, 8, 1, 2), rng)
    model = LoRA(cell["rank"], 4.0).apply(base, rng)
    batches = iter([next_token(rng.integers(0, 11, (2, 7))) for _ in range(3)])
    optimizer = AdamW(model.trainable_parameters(), cell["lr"])
    history = train(model, batches, cross_entropy, optimizer, steps=3, progress=False)
    return {"losses": history.losses, "rank": (cell["rank"],)}


def killed_once(cell):
    """Its process dies the first time that the cell marked "dies" is run, in the midst of it."""
    note(cell)
    if cell.get("dies") and len(runs(cell)) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return small_train(cell)


def always_killed(cell):
    """As `killed_once`, each time, as soon as `dies` files are kept in `out`."""
    note(cell)
    if cell.get("dies"):
        for _ in range(360_000):  # an hour: it hangs
            if len(list(Path(cell["out"]).glob("*.json"))) >= cell["dies"]:
                break
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return small_train(cell)


def fails(cell):
    if cell["seed"] == 1:
        raise ValueError("no such seed")
    return small_train(cell)


def place(cell):
    """Which process runs it, and on how many threads its products run there."""
    from threadpoolctl import threadpool_info

    time.sleep(0.1)  # so that each process has a part in it
    return [os.getpid(), *(each["num_threads"] for each in threadpool_info())]


def note(cell):
    """Leave a file that says: this cell was begun, by this process."""
    (Path(cell["notes"]) / f"{name_of(cell)} {os.getpid()}").touch()


def runs(cell):
    """A file for each time that the cell was begun."""
    return list(Path(cell["notes"]).glob(f"{name_of(cell)} *"))


def name_of(cell):
    return "{rank} {lr} {seed}".format(**cell)
