"""Where the platform's own integer has 32 bits (WebAssembly, Windows before NumPy 2).

`np.arange(n)` and `np.array([1])` are int32 there. It is imitated in two ways: token numbers and
positions come as int32, and the package's modules see a NumPy whose makers of whole numbers give
int32 where nobody names a dtype. The bits must be those of int64.
"""

import pkgutil
import sys

import numpy as np
import pytest

import lora_np
from lora_np import GPT, AdamW, GPTConfig, LoRA, QLoRA, cross_entropy, generate, next_token, nn
from lora_np.cli.memory import of_model
from lora_np.methods import FullFineTuning, PrefixTuning
from lora_np.nn import Llama, LlamaConfig
from lora_np.quant.nf4 import quantize_nf4
from lora_np.tasks.text import prose
from lora_np.train.step import forward_backward


class SmallIntegers:
    """NumPy, but what it makes of whole numbers has 32 bits unless somebody names a dtype."""

    def __getattr__(self, name):
        return narrowed(name) if name in MAKERS else getattr(np, name)


INDICES = {"argsort", "argmax", "flatnonzero", "nonzero", "searchsorted", "bincount"}
MAKERS = INDICES | {"arange", "array", "asarray", "cumsum"}


def narrowed(name):
    def make(*arguments, **options):
        made = getattr(np, name)(*arguments, **options)
        named = "dtype" in options or name in ("array", "asarray") and len(arguments) > 1
        came = name not in INDICES and any(isinstance(each, np.ndarray) for each in arguments)
        return made if named or came else narrow(made)

    return make


def narrow(made):
    if isinstance(made, tuple):
        return tuple(map(narrow, made))
    return made.astype(np.int32) if getattr(made, "dtype", None) == np.int64 else made


@pytest.fixture
def small_integers(monkeypatch):
    for module in pkgutil.walk_packages(lora_np.__path__, "lora_np."):
        if module.name in sys.modules and getattr(sys.modules[module.name], "np", None) is np:
            monkeypatch.setattr(sys.modules[module.name], "np", SmallIntegers())


def trained(method, body, dtype):
    """The last loss and every weight's bytes after three steps on tokens of this dtype."""
    rng = np.random.default_rng(0)
    model = method.apply(BODIES[body](rng), rng)
    optimizer = AdamW(model.trainable_parameters(), 0.01)
    for _ in range(3):
        batch = next_token(rng.integers(0, 11, (3, 7)).astype(dtype))
        loss = forward_backward(model, batch, cross_entropy, rng=rng)
        optimizer.step()
    return [loss, *(p.data.tobytes() for p in model.parameters())]


BODIES = {
    "GPT": lambda rng: GPT(GPTConfig(11, 8, 8, 2, 2), rng),
    "Llama": lambda rng: Llama(LlamaConfig(11, 8, 16, 2, 2), rng),
}
METHODS = [
    FullFineTuning(),
    LoRA(2, 3.0, "all-linear", dropout=0.25),
    QLoRA(2, 3.0, "all-linear"),
    PrefixTuning(2),
]


def written(model, dtype):
    prompt = np.array([[1, 2], [3, 4]], dtype)
    rng = np.random.default_rng(0)
    return generate(model, prompt, 6, temperature=1.0, top_p=0.9, rng=rng)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_training_has_the_same_bits(request, method, body):
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


@pytest.mark.parametrize("double_quant", [False, True])
def test_so_has_what_is_quantized(request, double_quant):
    def quantized():
        weight = np.random.default_rng(0).standard_normal((301, 67)).astype(np.float32)
        kept = quantize_nf4(weight, double_quant=double_quant)
        return [a.tobytes() for a in (kept.codes, kept.absmax, kept.dequantize())]

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
