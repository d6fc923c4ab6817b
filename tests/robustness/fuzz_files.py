"""Damage files at random and load them: an error that says so, or a model, and nothing else.

    PYTHONPATH=tests python tests/robustness/fuzz_files.py [--trials 20000] [--seed 0]

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
import pathlib
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from golden.readers import other_adapters
from golden.readers.golden_hf import ADAPTERS, GOLDEN, GPT2S, base_of
from helpers.gguf_files import write_gguf
from helpers.llamas import small_llama
from helpers.tokenizer_files import TEMPLATE, write_llama
from lora_np.checkpoint import (
    load_adapter,
    load_gpt2,
    load_llama,
    load_model,
    load_tokenizer,
    save_model,
)
from lora_np.generation import generate
from lora_np.nn import LlamaConfig
from lora_np.system.extras import has_extra
from lora_np.tokenizers.chat_template import chat_tokens, turn_end
from lora_np.tokenizers.special_tokens import prompt_tokens
from robustness.damage import (
    change_header,
    change_json,
    change_numbers,
    change_template,
    cut,
    flip_bytes,
    link,
    nest,
    repeat_a_part,
)

FINE = {"loaded", "an error that says so"}


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
    yield from sources_of_others(pathlib.Path(made))
    if not (has_extra("gguf") and has_extra("tokenizers") and has_extra("jinja2")):
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
    marks = pathlib.Path(made) / "special tokens"
    yield Source(marks.name, stating_everything(marks), load_and_talk)


def sources_of_others(made):
    """Adapters and vocabularies in the forms of other programs."""
    for name, (kind, _) in other_adapters.CASES.items():
        base = functools.partial(other_adapters.base_of, kind)
        at = other_adapters.HERE / name
        yield Source(f"other {name}", at, lambda at, base: load_adapter(base, at), base)
    if has_extra("gguf"):
        path, base = made / "other gguf", functools.partial(other_adapters.base_of, "llama")
        path.mkdir(exist_ok=True)
        other_adapters.as_converted(path / "adapter.gguf", other_adapters.adapted(base()))
        yield Source(path.name, path, lambda at, base: load_adapter(base, at), base)
    if has_extra("sentencepiece") and has_extra("google.protobuf") and has_extra("tokenizers"):
        for at in sorted((GOLDEN / "sentencepiece").glob("*/tokenizer.model")):
            at = at.parent  # Python 3.10's glob("*/") finds files, too
            yield Source(f"other {at.name}", at, lambda at, base: use(load_tokenizer(at)))


def stating_everything(path):
    """A Llama's directory in which every file that states special tokens does so."""
    ids = {"bos_token_id": 1, "eos_token_id": [2, 7], "pad_token_id": 3}
    marks = {"bos_token": "<s>", "eos_token": {"content": "</s>"}, "add_bos_token": True}
    named = [{"name": "default", "template": TEMPLATE}, {"name": "rag", "template": TEMPLATE}]
    return write_llama(
        path, around="<s> $A", template=TEMPLATE, config=ids, generation_config=ids,
        special_tokens_map=marks, tokenizer_config=marks | {"chat_template": named},
    )  # fmt: skip


def load_and_talk(at, base):
    """What is read can be used, and saved: or it was refused."""
    model, tokenizer = load_model(at)
    use(tokenizer)
    if tokenizer.special_tokens.chat_templates:
        chat_tokens(tokenizer, [("user", "ab</s>"), ("assistant", "<|end|>"), ("user", "c")])
        turn_end(tokenizer)
    generate(model, prompt_tokens(tokenizer, "ab")[:8], 2)
    save_model(model, tokenizer, at / "saved")
    assert load_model(at / "saved")[1].special_tokens == tokenizer.special_tokens


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
    specific |= {".jinja": change_template, ".model": flip_bytes}
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
