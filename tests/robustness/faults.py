"""Kill, fill and fight over what is being written, and hold the promises against what is left.

    PYTHONPATH=tests python tests/robustness/faults.py [--trials 20] [--seed 0]

On Linux and other POSIX systems. Each promise is tried in child processes; a line says how many
faults were put in and how many times the promise was broken. The exit status is the number of
broken promises.
"""

import argparse
import ctypes
import os
import pathlib
import resource
import signal
import sys
import tempfile
import threading
import time

import numpy as np
from tqdm import tqdm

from lora_np import AdamW, LoRA, cross_entropy, next_token
from lora_np.train import train
from robustness.saves import SAVES, base

STEPS = 30
NEW_PID = 0x20000000  # CLONE_NEWPID of Linux
# The functions of os that a save goes through.
POINTS = ("mkdir", "stat", "open", "chmod", "fsync", "unlink", "replace", "rmdir")


def begin(work):
    """Run `work` in a child process, which says nothing; returns its number.

    Ctrl-C waits until the child is ready for it: in the middle of a fork it would be lost.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    pid = os.fork()
    if pid == 0:
        try:
            tqdm.set_lock(threading.RLock())  # all forks share its own: one killed with it keeps it
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    return pid


def child(work):
    """Run `work` in a child process; returns how it ended: 0, or minus the signal's number."""
    return os.waitstatus_to_exitcode(os.waitpid(begin(work), 0)[1])


def killed_at_every_point(save, which, path, trials, rng):
    """SIGKILL before each call of the file system in turn: the old, the new, or a refusal."""
    for point in range(1000):
        save(0, path)

        def until(left=point):
            for name in POINTS:
                setattr(os, name, counted(getattr(os, name)))
            counted.left = left
            save(1, path)

        ended = child(until)
        try:
            kept = which(path) in (0, 1)
        except ValueError as error:
            said = "no adapter_config.json", "no config.json", "no tokenizer in"
            kept = any(what in str(error) for what in said)
        except AssertionError:
            kept = False
        save(1, path)
        yield kept and which(path) == 1 and not strays(path)
        if ended == 0:
            return


def counted(call):
    """`call`, but the process dies in its place when counted.left calls were made."""

    def dies(*arguments, **options):
        counted.left -= 1
        if counted.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **options)

    return dies


def disk_full(save, which, path, trials, rng):
    """Writing fails after so many bytes: an OSError, the old version whole, nothing beside it."""
    save(0, path)
    largest = max(file.stat().st_size for file in path.iterdir())
    for size in rng.integers(0, largest, trials):

        def on_a_full_disk(size=int(size)):
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            try:
                save(1, path)
            except OSError:
                return
            os._exit(2)

        yield child(on_a_full_disk) == 0 and which(path) == 0 and not strays(path)


def two_writers(save, which, path, trials, rng, begin=begin):
    """Two processes write, one reads all the while: each read is one whole save or a refusal."""
    save(0, path)
    writers = [begin(lambda v=v: [save(v, path) for _ in range(trials)]) for v in (0, 1)]
    while writers:
        try:
            yield which(path) in (0, 1)
        except (ValueError, OSError):
            yield True  # it was told
        except AssertionError:
            yield False
        writers = [pid for pid in writers if os.waitpid(pid, os.WNOHANG)[0] == 0]
    yield which(path) in (0, 1) and not strays(path)


def in_a_container(work):
    """Begin `work` as process 1 of a PID namespace of its own: every container has a process 1."""

    def apart():
        if ctypes.CDLL(None).unshare(NEW_PID):
            raise PermissionError("no namespace for this user")
        os._exit(child(work) & 255)  # its first child is born inside

    return begin(apart)


def two_containers(save, which, path, trials, rng):
    """As two writers, in two containers on one folder: their processes have the same number."""
    if child(lambda: os._exit(os.waitpid(in_a_container(int), 0)[1])):
        return  # not Linux, or not allowed here: nothing tried, as the line says
    yield from two_writers(save, which, path, trials, rng, in_a_container)


def nowhere(save, which, path, trials, rng):
    """Where nobody may write, not even root; and where a file stands in the way."""
    (path / "file").write_text("here")
    for target in (pathlib.Path("/proc/1"), path / "file" / "below"):
        try:
            save(1, target)
            yield False
        except OSError:
            yield (path / "file").read_text() == "here"


def training(path, seed=0):
    """Go on with the run at `path` to its end; returns the trained model."""
    rng = np.random.default_rng(seed)
    model = LoRA(2, 3.0).apply(base(), rng)

    def batches():
        while True:
            first = rng.integers(0, 7, (4, 1))
            yield next_token((first + np.arange(6)) % 7)

    train(
        model,
        batches(),
        cross_entropy,
        AdamW(model.trainable_parameters(), lr=0.01),
        steps=STEPS,
        rng=rng,
        every=1,
        checkpoint=path,
        resume=path is not None and path.exists(),
    )
    return model


def killed_in_training(path, trials, rng, number=signal.SIGKILL):
    """Killed at random moments and resumed until done: the unbroken run, bit for bit."""
    seconds = []  # the shortest of three: a disk that was busy once would put every kill too late
    for run in range(3):
        start = time.perf_counter()
        model = training(path / f"unbroken {run}.safetensors")
        seconds.append(time.perf_counter() - start)
    unbroken = [p.data.tobytes() for p in model.parameters()]
    for trial in range(trials):
        state = path / f"{trial}.safetensors"
        for _ in range(3):
            pid = begin(lambda state=state: training(state))
            time.sleep(float(rng.uniform(0, min(seconds))))
            os.kill(pid, number)
            os.waitpid(pid, 0)
        end = [p.data.tobytes() for p in training(state).parameters()]
        yield end == unbroken and not strays(path)


def strays(path):
    return [p.name for p in path.iterdir() if ".tmp" in p.name]


def main(trials=20, seed=0):
    """Print a line a promise; returns how many were broken."""
    rng, broken = np.random.default_rng(seed), 0
    for fault in (killed_at_every_point, disk_full, two_writers, two_containers, nowhere):
        for what, (save, which) in SAVES.items():
            with tempfile.TemporaryDirectory() as path:
                kept = list(fault(save, which, pathlib.Path(path), trials, rng))
            broken += report(f"{fault.__name__}, {what}", kept)
    for name in (signal.SIGKILL, signal.SIGINT):
        with tempfile.TemporaryDirectory() as path:
            kept = list(killed_in_training(pathlib.Path(path), trials, rng, name))
        broken += report(f"training, {3 * trials} times {name.name}", kept)
    return broken


def report(what, kept):
    print(f"{what:45} {len(kept):5} tried, {len(kept) - sum(kept):3} broken", flush=True)
    return len(kept) - sum(kept)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.exit(main(options.trials, options.seed))
