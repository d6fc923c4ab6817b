"""Where the platform's own integer has 32 bits (WebAssembly, Windows before NumPy 2).

`np.arange(n)` and `np.array([1])` are int32 there. It is imitated in two ways: token numbers and
positions come as int32, and the package's modules see helpers/small_integers.py's NumPy. The bits
must be those of int64, for every method, format, body and way of attention there is.
"""

import numpy as np
import pytest

from helpers.methods import SMALL
from helpers.small_integers import imitate
from lora_np import GPT, AdamW, GPTConfig, LoRA, cross_entropy, generate, next_token, nn
from lora_np.cli.memory import of_model
from lora_np.nn import Llama, LlamaConfig
from lora_np.quant import FORMATS
from lora_np.tasks.text import prose
from lora_np.train import AdamW8bit
from lora_np.train.step import forward_backward


@pytest.fixture
def small_integers(monkeypatch):
    imitate(monkeypatch)


def trained(method, body, dtype):
    """The last loss and every weight's bytes after two steps on tokens of this dtype."""
    rng = np.random.default_rng(0)
    model = method.apply(BODIES[body](rng), rng)
    optimizer = {"GPT": AdamW, "Llama": AdamW8bit}[body](model.trainable_parameters(), 0.01)
    for _ in range(2):
        batch = next_token(rng.integers(0, 11, (3, 7)).astype(dtype))
        loss = forward_backward(model, batch, cross_entropy, rng=rng)
        optimizer.step()
    return [loss, *(p.data.tobytes() for p in model.parameters())]


BODIES = {
    "GPT": lambda rng: GPT(GPTConfig(11, 8, 8, 2, 2), rng),
    "Llama": lambda rng: Llama(LlamaConfig(11, 8, 16, 2, 2), rng),
}
METHODS = [*SMALL, LoRA(2, 3.0, "all-linear", dropout=0.25)]
CASES = [("GPT", each) for each in METHODS]
CASES += [("Llama", each) for each in METHODS if isinstance(each, LoRA)]


def written(model, dtype):
    prompt = np.array([[1, 2], [3, 4]], dtype)
    rng = np.random.default_rng(0)
    return generate(model, prompt, 6, temperature=1.0, top_p=0.9, rng=rng)


@pytest.mark.parametrize("body, method", CASES, ids=lambda it: getattr(it, "name", it))
def test_training_has_the_same_bits(request, body, method):
    expected = trained(method, body, np.int64)
    assert trained(method, body, np.int32) == expected
    request.getfixturevalue("small_integers")
    assert trained(method, body, np.int32) == expected


@pytest.mark.parametrize("body", BODIES)
def test_so_has_what_is_written(request, body):
    model = BODIES[body](np.random.default_rng(0))
    expected = written(model, np.int64)
    request.getfixturevalue("small_integers")
    assert np.array_equal(written(model, np.int32), expected)


def test_so_have_windows_of_a_text(request):
    def windows():
        batch = next(prose().batches(np.random.default_rng(0), 4, 16))
        held_out = next(prose().held_out_batches(8, 4, 16))
        return [b.tobytes() for x in (batch, held_out) for b in (x.tokens, x.targets, x.weights)]

    expected = windows()
    request.getfixturevalue("small_integers")
    assert windows() == expected


@pytest.mark.parametrize("name", FORMATS)
def test_so_has_what_is_quantized(request, name):
    weight = np.random.default_rng(0).standard_normal((301, 64)).astype(np.float32)

    def quantized():
        kept = FORMATS[name].quantize(weight)
        return kept.codes.tobytes(), kept.dequantize().tobytes(), kept.nbytes

    expected = quantized()
    request.getfixturevalue("small_integers")
    assert quantized() == expected


def test_numbers_past_32_bits_are_counted(request):
    expected = of_model("gpt3-175b", 8)
    assert expected["numbers"] > 2**37 and type(expected["numbers"]) is int
    request.getfixturevalue("small_integers")
    assert of_model("gpt3-175b", 8) == expected


def test_the_imitation_imitates(small_integers):
    """Or all of the above would hold of an imitation that does nothing."""
    assert nn.gpt.np.arange(3).dtype == np.int32
    assert nn.gpt.np.arange(3, dtype=np.int64).dtype == np.int64
    assert nn.gpt.np.asarray(np.ones(2, np.int64)).dtype == np.int64
    assert nn.gpt.np.array([1, 2]).dtype == np.int32
