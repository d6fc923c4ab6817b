"""What is said of a model from its headers is so of the model that is loaded."""

import pytest

from contracts.loader_cases import KINDS, LLAMA
from helpers.gguf_files import write_gguf
from lora_np.checkpoint import load_llama
from lora_np.checkpoint.describe import describe_model

either_head = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])


def check(about, model, tied):
    config, sizes = model.config, [p.size for p in model.parameters()]
    said = ("layers", "width", "heads", "vocabulary", "context")
    own = ("n_layer", "n_embd", "n_head", "vocab_size", "n_positions")
    assert [about[name] for name in said] == [getattr(config, name) for name in own]
    assert about["numbers"] == sum(sizes)
    assert about["head"] == ("the embedding's" if tied else "its own")
    assert about["stored"].endswith(f" × {len(sizes)}") and about["files"] == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@either_head
@pytest.mark.parametrize("dtype, stored", [("float16", "F16"), ("float32", "F32")])
def test_of_a_directory(kind, tied, dtype, stored, tmp_path):
    kind.save(kind.model(tied), tmp_path, dtype)
    about = describe_model(tmp_path)
    check(about, kind.load(tmp_path), tied)
    assert about["stored"].startswith(stored)
    assert about["kind"] == getattr(kind.config, "model_type", "gpt2")


@pytest.mark.extra("gguf")
@either_head
def test_of_a_gguf(tied, tmp_path):
    model = LLAMA.model(tied)
    write_gguf(tmp_path / "model.gguf", model, None)
    about = describe_model(tmp_path / "model.gguf")
    check(about, load_llama(tmp_path / "model.gguf"), tied)
    assert about["kind"] == "llama" and about["key-value heads"] == model.config.n_kv_head
