"""Damage files at random and load them: an error that says so, or a model, and nothing else.

    python tests/fuzz_files.py [--trials 20000] [--seed 0]

Each trial copies a golden directory, damages one of its files, and loads it. What counts as wrong
is any exception but ValueError, more than ten seconds, or more memory than the limit set here
(an address space 2 GB above what is in use), which a size believed unread would exceed.
"""

import argparse
import collections
import json
import pathlib
import shutil
import struct
import tempfile
import time

import numpy as np

from golden_hf import ADAPTERS, GOLDEN, GPT2S, base_of
from lora_np.checkpoint import load_adapter, load_gpt2

ODD = [
    None, True, False, 0, -1, 1, 2, 3, 7, 2**31, 2**63, 10**30, 0.5, -1e300, 1e308, "", "c_attn",
    "../x", [], [1], {}, {"a": 1}, ["c_attn", "c_fc"], [[]], "F32", "I64", "BF16", [2**40, 2**40],
    [0], [12, 36], "all", "all-linear", ["lm_head"], ["ln_f"], ["wte"], ["score"], "LORA_NP",
]  # fmt: skip


def flip_bytes(data, rng):
    data = bytearray(data)
    for _ in range(rng.integers(1, 8)):
        data[rng.integers(len(data) if rng.random() < 0.5 else min(len(data), 400))] = rng.integers(
            256
        )
    return bytes(data)


def cut(data, rng):
    return data[: rng.integers(len(data) + 1)]


def repeat_a_part(data, rng):
    start, stop = sorted(rng.integers(0, len(data) + 1, 2))
    return data[:stop] + data[start:stop] + data[stop:]


def nest(data, rng):
    return [b"[" * 200_000, b'{"a":' * 100_000, b"9" * 10_000, b"\xff\xfe"][rng.integers(4)]


def change_value(value, rng):
    """Something odd in one place of a JSON value."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = list(value)[rng.integers(len(value))]
        kind = rng.random()
        if kind < 0.15:
            return {k: v for k, v in value.items() if k != key}
        if kind < 0.25:
            return value | {key + "x": value[key]}
        return value | {key: change_value(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.7:
        i = rng.integers(len(value))
        return value[:i] + [change_value(value[i], rng)] + value[i + 1 :]
    return ODD[rng.integers(len(ODD))]


def change_json(data, rng):
    return json.dumps(change_value(json.loads(data), rng)).encode()


def change_header(data, rng):
    (length,) = struct.unpack("<Q", data[:8])
    header = json.dumps(change_value(json.loads(data[8 : 8 + length]), rng)).encode()
    claimed = len(header) if rng.random() < 0.9 else int(rng.integers(2**62))
    return struct.pack("<Q", claimed) + header + data[8 + length :]


def trial(seed, directory):
    """(what was done, how it ended): "loaded", "ValueError", or what should not be."""
    rng = np.random.default_rng(seed)
    adapter = rng.random() < 0.6
    names = ADAPTERS if adapter else GPT2S
    name = names[rng.integers(len(names))]
    target = pathlib.Path(directory) / "target"
    shutil.copytree(GOLDEN / ("peft" if adapter else "hf") / name, target)
    files = sorted(p for p in target.iterdir() if p.name != "expected.safetensors")
    file = files[rng.integers(len(files))]
    damages = [flip_bytes, cut, repeat_a_part, nest]
    damages += 4 * [change_json if file.suffix == ".json" else change_header]
    damage = damages[rng.integers(len(damages))]
    file.write_bytes(damage(file.read_bytes(), rng))
    base = load_gpt2(base_of(name)) if adapter else None
    before = fingerprint(base) if adapter else None
    start = time.perf_counter()
    try:
        load_adapter(base, target) if adapter else load_gpt2(target)
        ended = "loaded"
    except ValueError:
        ended = "ValueError"
    except BaseException as error:
        ended = f"{type(error).__name__}: {error}"[:200]
    if time.perf_counter() - start > 10:
        ended = "slow"
    if adapter and fingerprint(base) != before:
        ended = "the base changed"
    shutil.rmtree(target)
    return f"{name}/{file.name}: {damage.__name__}", ended


def fingerprint(model):
    return hash(b"".join(p.data.tobytes() for p in model.parameters())), model.methods


def run(trials, seed):
    """{how it ended: [(seed, what was done)]}"""
    results = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as directory:
        for i in range(seed, seed + trials):
            what, ended = trial(i, directory)
            results[ended].append((i, what))
    return results


def limit_memory():
    import resource

    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**31, used + 2**31))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    limit_memory()
    results = run(options.trials, options.seed)
    for ended, cases in sorted(results.items(), key=lambda item: -len(item[1])):
        print(f"{len(cases):8,} {ended}")
        if ended not in ("loaded", "ValueError"):
            for case in cases[:5]:
                print(f"             {case}")
