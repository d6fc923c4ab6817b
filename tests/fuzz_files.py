"""Damage files at random and load them: an error that says so, or a model, and nothing else.

    python tests/fuzz_files.py [--trials 20000] [--seed 0]

Each trial copies a golden directory, damages one of its files (or puts a link or a pipe there) and
loads it. What counts as wrong is any exception but ValueError or OSError, more than a minute of
processor time (a thousand times what it takes), or more memory than the limit set here (an address
space 2 GB above what is in use), which a size believed unread would exceed. GGUF and tokenizers
take part where the extra `llm` is installed.
"""

import argparse
import collections
import functools
import json
import os
import pathlib
import shutil
import signal
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from gguf_files import write_gguf
from golden_hf import ADAPTERS, GOLDEN, GPT2S, base_of
from llamas import small_llama
from lora_np.checkpoint import load_adapter, load_gpt2, load_llama, load_tokenizer
from lora_np.nn import LlamaConfig

ODD = [
    None, True, False, 0, -1, 1, 2, 3, 7, 2**31, 2**63, 10**30, 0.5, -1e300, 1e308, "", "c_attn",
    "../x", [], [1], {}, {"a": 1}, ["c_attn", "c_fc"], [[]], "F32", "I64", "BF16", [2**40, 2**40],
    [0], [12, 36], "all", "all-linear", ["lm_head"], ["ln_f"], ["wte"], ["score"], "LORA_NP",
]  # fmt: skip

ODD_NUMBERS = [0, 1, 2, 3, 5, 8, 9, 13, 255, 2**16, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1]
FINE = {"loaded", "an error that says so"}


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


def change_numbers(data, rng):
    """Counts, lengths, types, shapes and places that lie: some 4 or 8 bytes near the start."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 3)):
        value = ODD_NUMBERS[rng.integers(len(ODD_NUMBERS))]
        packed = struct.pack("<Q", value)[: 4 if rng.random() < 0.4 else 8]
        at = rng.integers(4, 32) if rng.random() < 0.3 else rng.integers(4, min(len(data), 3000))
        data[at : at + len(packed)] = packed
    return bytes(data)


def link(file, rng):
    """In the file's place: a link to itself, to nothing, to a folder or a device, or a pipe."""
    target = [file.name, "nowhere", ".", "..", "/dev/null", "/etc/passwd", None][rng.integers(7)]
    file.unlink()
    os.mkfifo(file) if target is None else file.symlink_to(target)


def stop(number, frame):
    raise SystemExit("it still reads after a minute of processor time, or waits after an hour")


@dataclass(frozen=True)
class Source:
    """A directory to damage, and how to load it: load(directory, base), base() for an adapter."""

    name: str
    directory: pathlib.Path
    load: Callable
    base: Callable = lambda: None
    damage: Callable | None = None  # more to its point than what suits the kind of file


def sources(made):
    """Every golden directory, and small GGUF files and tokenizers, made in the directory `made`."""
    llamas = GOLDEN / "hf_llama"
    for name in GPT2S:
        yield Source(name, GOLDEN / "hf" / name, lambda at, base: load_gpt2(at))
    for name in ADAPTERS:
        base = functools.partial(load_gpt2, base_of(name))
        yield Source(name, GOLDEN / "peft" / name, lambda at, base: load_adapter(base, at), base)
    for path in sorted(llamas.iterdir()):
        if path.name.startswith("adapter_"):
            base = functools.partial(load_llama, llamas / "grouped")
            yield Source(path.name, path, lambda at, base: load_adapter(base, at), base)
        else:
            yield Source(path.name, path, lambda at, base: load_llama(at, nf4=len(str(at)) % 2))
    if find_spec("gguf") is None or find_spec("tokenizers") is None:
        return
    config = LlamaConfig(7, 32, 32, 1, 2, max_position_embeddings=16)
    for kind in (None, "Q8_0", "Q4_1"):
        path = pathlib.Path(made) / f"gguf {kind}"
        path.mkdir(exist_ok=True)
        write_gguf(path / "model.gguf", small_llama(config, np.float32), kind)
        yield Source(path.name, path, load_gguf)
    two, one = pathlib.Path(made) / "vocab.json", pathlib.Path(made) / "tokenizer.json"
    for path in (two, one):
        path.mkdir(exist_ok=True)
    tokenizer = load_tokenizer(pathlib.Path(made) / "gguf None" / "model.gguf")
    tokenizer.save(one)
    model = json.loads((one / "tokenizer.json").read_text())["model"]
    (two / "vocab.json").write_text(json.dumps(model["vocab"]))
    (two / "merges.txt").write_text("#version: 0.2\na b\n")
    for path in (two, one):
        yield Source(path.name, path, lambda at, base: use(load_tokenizer(at)))


def load_gguf(at, base):
    for nf4 in (False, True):
        load_llama(at / "model.gguf", nf4=nf4)
    use(load_tokenizer(at / "model.gguf"))


def use(tokenizer):
    """What text it makes is its own affair; but it must neither stop nor fill the memory."""
    tokenizer.decode(tokenizer.encode("ab 12 caf\u00e9 <|im_end|>"))


def trial(seed, directory, places):
    """(what was done, how it ended): "loaded", "an error that says so", or what should not be."""
    rng = np.random.default_rng(seed)
    source = places[rng.integers(len(places))]
    target = pathlib.Path(directory) / "target"
    shutil.copytree(source.directory, target)
    files = sorted(p for p in target.iterdir() if p.name != "expected.safetensors")
    file = files[rng.integers(len(files))]
    damages = [flip_bytes, cut, repeat_a_part, nest]
    specific = {".json": change_json, ".gguf": change_numbers, ".txt": flip_bytes}
    damages += 4 * [source.damage or specific.get(file.suffix, change_header)]
    damage = damages[rng.integers(len(damages))]
    if rng.random() < 0.05:
        damage = link
        link(file, rng)
    else:
        file.write_bytes(damage(file.read_bytes(), rng))
    base = source.base()
    before = base and fingerprint(base)
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, stop)
    signal.setitimer(signal.ITIMER_PROF, 60)
    signal.alarm(3600)
    try:
        source.load(target, base)
        ended = "loaded"
    except (ValueError, OSError):
        ended = "an error that says so"
    except BaseException as error:
        ended = f"{type(error).__name__}: {error}"[:200]
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.alarm(0)
    if base and fingerprint(base) != before:
        ended = "the base changed"
    shutil.rmtree(target)
    return f"{source.name}/{file.name}: {damage.__name__}", ended


def fingerprint(model):
    return hash(b"".join(p.data.tobytes() for p in model.parameters())), model.methods


def run(trials, seed, only="", sources=sources):
    """{how it ended: [(seed, what was done)]}"""
    results = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryDirectory() as made:
        places = [source for source in sources(made) if only in source.name]
        for i in range(seed, seed + trials):
            what, ended = trial(i, directory, places)
            results[ended].append((i, what))
    return results


def limit_memory():
    import resource

    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**31, used + 2**31))


def main(sources):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="directories whose name holds this")
    options = parser.parse_args()
    limit_memory()
    results = run(options.trials, options.seed, options.only, sources)
    for ended, cases in sorted(results.items(), key=lambda item: -len(item[1])):
        print(f"{len(cases):8,} {ended}")
        if ended not in FINE:
            for case in cases[:5]:
                print(f"             {case}")


if __name__ == "__main__":
    main(sources)
