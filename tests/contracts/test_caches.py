"""What a model's forward keeps is what its backward reads: spoil any kept array, and a gradient
changes."""

import numpy as np
import pytest

from helpers.methods import small
from lora_np import FullFineTuning, LoRA, cross_entropy, next_token
from lora_np.methods import METHODS, BottleneckAdapters, PrefixTuning, PromptTuning
from lora_np.nn import GPT, GPTConfig, Llama, LlamaConfig
from lora_np.nn.block import Block
from lora_np.nn.language_model import LanguageModel

ALL_LAYERS = FullFineTuning | LoRA | PrefixTuning | PromptTuning | BottleneckAdapters  # of a Llama
METHODS = [small(method, dropout=0.3, tokens=(0, 3)) for method in METHODS]


def kept(cache):
    """Every array in a cache, each once."""
    if isinstance(cache, np.ndarray):
        return {id(cache): cache}
    if isinstance(cache, tuple | list):
        return {key: array for part in cache for key, array in kept(part).items()}
    assert cache is None or isinstance(cache, int), f"what is a {type(cache)} kept for?"
    return {}


def gradients(model, batch, spoil=None):
    """Each learner's gradient, with the array of number `spoil` in the cache spoiled, and the
    number of arrays there."""
    logits, cache = model.forward(batch.tokens, rng=np.random.default_rng(1))
    dlogits, arrays = cross_entropy(logits, batch)[1], list(kept(cache).values())
    if spoil is not None and arrays[spoil].dtype.kind in "fc":
        arrays[spoil][...] = np.nan
    elif spoil is not None and arrays[spoil].dtype.kind == "b":  # as many places: others
        arrays[spoil][...] = np.roll(arrays[spoil], 1)
    elif spoil is not None:  # tokens or positions: others of them
        arrays[spoil][...] = arrays[spoil].max() + arrays[spoil].min() - arrays[spoil]
    with np.errstate(invalid="ignore"):
        model.backward(dlogits, cache)
    found = [p.grad for p in model.trainable_parameters()]
    for p in model.parameters():
        p.grad = None
    return found, arrays


def randomized(model, rng, std):
    for p in model.trainable_parameters():
        p.data += (std * rng.standard_normal(p.shape)).astype(p.dtype)
    return model


@pytest.fixture
def below(monkeypatch):
    """Records, of each forward, the embedding's cache and the first block's."""
    found = []

    def recording(real, when):
        def forward(self, *args, **options):
            y, cache = real(self, *args, **options)
            found.extend(kept(cache) if when(self) else ())
            return y, cache

        return forward

    first = {}
    monkeypatch.setattr(LanguageModel, "embed", recording(LanguageModel.embed, lambda _: True))
    monkeypatch.setattr(
        Block, "forward", recording(Block.forward, lambda b: first.setdefault("b", id(b)) == id(b))
    )
    return found


@pytest.mark.parametrize(
    ("kind", "method"),
    [("GPT", m) for m in METHODS] + [("Llama", m) for m in METHODS if isinstance(m, ALL_LAYERS)],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_everything_kept_is_read(kind, method, below):
    """Where not all learns, two places may keep more: the block that the backward pass ends in,
    as it is kept or dropped as a whole, and the embeddings: their dropout, tokens and positions.
    """
    rng = np.random.default_rng(0)
    if kind == "GPT":
        drop = {"resid_pdrop": 0.2, "attn_pdrop": 0.2, "embd_pdrop": 0.2}
        base = GPT(GPTConfig(11, 12, 8, 2, 2, **drop), rng)
    else:
        config = LlamaConfig(
            vocab_size=11,
            hidden_size=8,
            intermediate_size=12,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=12,
        )
        base = Llama(config, rng)
    model = randomized(method.apply(randomized(base, rng, 0.3), rng), rng, 0.3)
    tokens = rng.integers(0, 5, (2, 7))
    expected, arrays = gradients(model, next_token(tokens))
    assert len(arrays) > 1
    unread = []
    for i in range(len(arrays)):
        below.clear()
        found, arrays = gradients(model, next_token(tokens.copy()), spoil=i)
        if all(np.array_equal(a, b) for a, b in zip(expected, found)):
            unread.append(id(arrays[i]) in below or arrays[i].dtype.kind == "i")
    assert all(unread), "kept, and not read"
    assert not unread or not isinstance(method, FullFineTuning)
