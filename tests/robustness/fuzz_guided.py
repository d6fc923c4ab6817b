"""Let coverage guide the damage: what reaches a new line of the package is damaged further.

    PYTHONPATH=tests python tests/robustness/fuzz_guided.py [--trials 100000] [--only gguf]

Each kind is one reader of bytes, with whole inputs to begin with; its damage is to bytes, to what
is read there, or the middle of one input behind the beginning of another. Any exception but
ValueError or OSError is wrong, and so are ten seconds of processor time or a gigabyte of memory.
Python 3.12 or newer, whose sys.monitoring costs little.
"""

import argparse
import collections
import functools
import pathlib
import resource
import signal
import sys
import tempfile
import time

import numpy as np

import lora_np
from robustness import fuzz_models, fuzz_words
from robustness.damage import cut, flip_bytes, repeat_a_part

ROOT = str(pathlib.Path(lora_np.__file__).parent)
LARGEST = 1 << 16  # bytes of an input that is kept
KEPT = 2000
TOOL = 4  # of the six numbers that tools of sys.monitoring may have
KINDS = fuzz_models.KINDS | fuzz_words.KINDS


class Reached:
    """The lines of the package that were run, as (code, line); each is told once, so that what it
    costs soon comes to nothing."""

    def __init__(self):
        self.lines = set()
        sys.monitoring.use_tool_id(TOOL, "fuzz_guided")
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.LINE, self.line)

    def __enter__(self):
        sys.monitoring.set_events(TOOL, sys.monitoring.events.LINE)

    def __exit__(self, *error):
        sys.monitoring.set_events(TOOL, 0)

    def end(self):
        sys.monitoring.free_tool_id(TOOL)
        sys.monitoring.restart_events()

    def line(self, code, line):
        if code.co_filename.startswith(ROOT):
            self.lines.add((code, line))
        return sys.monitoring.DISABLE


def damaged(kept, kind, rng):
    """One of what is kept, damaged one to three times, half of them to its point."""
    data = kept[rng.integers(len(kept))]
    for _ in range(1 + rng.integers(3)):
        other = kept[rng.integers(len(kept))]
        change = [flip_bytes, cut, repeat_a_part, functools.partial(splice, other=other)]
        change += [kind.damage] * 4
        try:
            data = change[rng.integers(len(change))](data, rng)
        except Exception:
            continue  # damaged already past what this damage understands
    return data


def splice(data, rng, other):
    return data[: rng.integers(len(data) + 1)] + other[rng.integers(len(other) + 1) :]


def stop(number, frame):
    raise SystemExit("it still reads after ten seconds of processor time")


def ended(read, data):
    """How a reader ended; "" for what is fine."""
    signal.setitimer(signal.ITIMER_PROF, 10)
    try:
        read(data)
    except (ValueError, OSError):
        pass
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:160]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return ""


def run(kind, trials, seed, place, seconds=float("inf")):
    """(inputs, kept, lines, {how it ended: its smallest input}) of one kind's fuzzing."""
    rng, reached = np.random.default_rng(seed), Reached()
    signal.signal(signal.SIGPROF, stop)
    read, kept = kind.reader(place), list(kind.seeds(place))
    for data in kept:
        with reached:
            read(data)
    wrong, start, done = {}, time.process_time(), 0
    while done < trials and time.process_time() - start < seconds:
        done += 1
        data, before = damaged(kept, kind, rng), len(reached.lines)
        with reached:
            how = ended(read, data)
        if how and len(data) < len(wrong.get(how, data + b".")):
            wrong[how] = data
        if len(reached.lines) > before and len(data) <= LARGEST and len(kept) < KEPT:
            kept.append(data)
    reached.end()
    return done, len(kept), len(reached.lines), wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=240, help="processor time a kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    options, found = parser.parse_args(), collections.Counter()
    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
    for name, kind in KINDS.items():
        if options.only not in name:
            continue
        with tempfile.TemporaryDirectory() as place:
            inputs, kept, lines, wrong = run(
                kind, options.trials, options.seed, pathlib.Path(place), options.seconds
            )
        print(
            f"{name:30} {inputs:8,} inputs, {kept} kept, {lines} lines, {len(wrong)} wrong",
            flush=True,
        )
        for how, data in wrong.items():
            print(f"    {how}\n        {data[:300]!r}", flush=True)
        found[name] = len(wrong)
    return sum(found.values())


if __name__ == "__main__":
    sys.exit(main())
