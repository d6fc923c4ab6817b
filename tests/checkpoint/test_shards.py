"""A model in several files: each of the size that was asked for, and together the model."""

import json

import numpy as np
import pytest

from helpers.llamas import CONFIG, small_llama
from helpers.models import small_gpt, some_tokens
from helpers.safetensors_files import load_file
from lora_np.checkpoint import load_gpt2, load_llama, save_gpt2, save_llama
from lora_np.checkpoint.shards import in_files, shard_size
from lora_np.methods import quantize_base
from lora_np.nn import Head

TOKENS = some_tokens()


def untied():
    model = small_llama(CONFIG, np.float32)
    model.lm_head = Head(np.random.default_rng(0).normal(size=(7, 6)).astype(np.float32))
    return model


MODELS = {
    "GPT-2": (lambda: small_gpt(dtype=np.float32), save_gpt2, load_gpt2),
    "Llama": (untied, save_llama, load_llama),
    "4 bits": (lambda: quantize_base(untied(), block_size=16), save_llama, load_llama),
}


@pytest.mark.parametrize("limit", [1, 700, "1.5KB"])
@pytest.mark.parametrize("name", MODELS)
def test_shards_are_of_that_size_and_together_the_model(name, limit, tmp_path):
    make, save, load = MODELS[name]
    model = make()
    save(model, tmp_path, max_shard_size=limit)
    assert np.array_equal(load(tmp_path)(TOKENS), model(TOKENS))
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    files = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    shards = [load_file(tmp_path / file) for file in files]
    assert files == [f"model-{i + 1:05}-of-{len(files):05}.safetensors" for i in range(len(files))]
    assert index["weight_map"] == {n: f for f, shard in zip(files, shards) for n in shard}
    sizes = [sum(array.nbytes for array in shard.values()) for shard in shards]
    assert index["metadata"]["total_size"] == sum(sizes)
    most = 1500 if limit == "1.5KB" else limit
    assert all(size <= most or len(shard) == 1 for size, shard in zip(sizes, shards))
    assert all(a + b > most for a, b in zip(sizes, sizes[1:])) or limit == 1  # none is needless


def test_the_last_save_is_all_that_is_there(tmp_path):
    """In more shards, in fewer, in one file: none of an earlier save is left."""
    first, last = small_gpt(dtype=np.float32), small_gpt(dtype=np.float32, seed=5)
    for limit in (700, 3000, None, 3000):
        save_gpt2(first, tmp_path, max_shard_size=limit)
        first, last = last, first
        assert np.array_equal(load_gpt2(tmp_path)(TOKENS), last(TOKENS))
        index = tmp_path / "model.safetensors.index.json"
        files = {path.name for path in tmp_path.glob("*.safetensors")}
        assert index.exists() == (limit is not None)
        named = set(json.loads(index.read_text())["weight_map"].values()) if limit else set()
        assert files == (named or {"model.safetensors"})


def test_sizes_as_transformers_says_them():
    said = [None, 5, "10", " 7 ", "5B", "2KB", "1.5 mb", "3GB", "2KiB", "1GiB", "1TB"]
    assert [*map(shard_size, said)] == [
        None, 5, 10, 7, 5, 2000, 1_500_000, 3 * 10**9, 2048, 2**30, 10**12,
    ]  # fmt: skip
    for wrong in (
        0,
        -1,
        True,
        2.5,
        "",
        "GB",
        "-1GB",
        "0KB",
        "2GB!",
        [],
        "0",
        "1.5",
        "10 G",
        "9" * 400,
        "9" * 400 + "GB",
    ):
        with pytest.raises(ValueError, match="expected max_shard_size None, bytes from 1, or"):
            shard_size(wrong)


def test_what_fits_is_one_file():
    arrays = {name: np.zeros(10, np.uint8) for name in "abc"}
    assert in_files(arrays, 30, "w.safetensors") == {"w.safetensors": arrays}
    assert [*map(len, in_files(arrays, 20, "w.safetensors").values())] == [2, 1]
