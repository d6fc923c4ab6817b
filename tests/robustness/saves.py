"""What the faults save, and how to tell which save lies there."""

import json

import numpy as np

from lora_np import GPT, GPTConfig, LoRA
from lora_np.checkpoint import (
    load_adapter,
    load_gpt2,
    load_model,
    load_tokenizer,
    save_adapter,
    save_gpt2,
    save_model,
)
from lora_np.system.extras import has_extra
from lora_np.system.files import whole_file
from lora_np.tokenizers.bpe import Tokenizer
from lora_np.tokenizers.special_tokens import SpecialTokens

CONFIG = GPTConfig(vocab_size=7, n_positions=8, n_embd=8, n_layer=2, n_head=2)


def base(version=0):
    return GPT(CONFIG, np.random.default_rng(version))


def adapted(version):
    """An adapter whose settings and numbers both tell which save they are of."""
    model = LoRA(2, 3.0 + version).apply(base(), np.random.default_rng(version))
    for parameter in model.trainable_parameters():
        parameter.data[...] = version + 1
    return model


def which_adapter(directory):
    """The version in `directory`; ValueError if it is refused, AssertionError for a mixture."""
    model = load_adapter(base(), directory)
    numbers = {int(p.data.flat[0]) - 1 for p in model.trainable_parameters()}
    numbers.add(int(model.methods[0].alpha - 3))
    assert len(numbers) == 1, f"a mixture of saves {numbers}"
    return numbers.pop()


def which_model(directory):
    return which_of(load_gpt2(directory))


def which_of(model):
    found = [v for v in (0, 1) if np.array_equal(model.wte.weight.data, base(v).wte.weight.data)]
    assert len(found) == 1
    return found[0]


def which_json(directory):
    return json.loads((directory / "result.json").read_text())["version"]


def save_json(version, directory):
    with whole_file(directory / "result.json") as temporary:
        temporary.write_text(json.dumps({"version": version, "much": list(range(10_000))}))


def save_shards_or_one(version, directory):
    """Version 0 in shards with an index, version 1 in one file."""
    save_gpt2(base(version), directory, max_shard_size=[1000, None][version])


def words(version):
    """A tokenizer whose version its pieces tell, and the token that its settings name."""
    import tokenizers

    vocab = {"a": 0, "b": 1, "<s>": 2, "</s>": 3, ["ab", "ba"][version]: 4, "c": 5, "d": 6}
    merges = [("a", "b") if version == 0 else ("b", "a")]
    rules = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocab, merges=merges))
    return Tokenizer(rules, SpecialTokens(eos_token=["<s>", "</s>"][version]))


def which_word(tokenizer):
    found = {len(tokenizer.encode("ba")) == 1, tokenizer.special_tokens.eos_token == "</s>"}
    assert len(found) == 1, "a mixture of saves"
    return int(found.pop())


def save_both(version, directory):
    save_model(base(version), words(version), directory)


def which_both(directory):
    model, tokenizer = load_model(directory)
    found = {which_of(model), which_word(tokenizer)}
    assert len(found) == 1, "a mixture of saves"
    return found.pop()


SAVES = {  # what is saved: how, and how to tell which version is there
    "adapter": (lambda v, path: save_adapter(adapted(v), path), which_adapter),
    "GPT-2": (lambda v, path: save_gpt2(base(v), path), which_model),
    "GPT-2 in shards, or not": (save_shards_or_one, which_model),
    "JSON": (save_json, which_json),
}
if has_extra("tokenizers"):
    SAVES["GPT-2 with its tokenizer"] = save_both, which_both
    SAVES["tokenizer of a GPT-2"] = save_both, lambda path: which_word(load_tokenizer(path))
