"""Bytes counted from arrays, against bytes by formula."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lora_np import AdamW, FullFineTuning, HeadTuning, LoRA, QLoRA, cross_entropy, next_token
from lora_np.memory import formulas, measured
from lora_np.nn import GPT, GPTConfig
from lora_np.nn.attention import LONG
from lora_np.recipes.step_memory import held_in_a_step, peak_of_a_step
from lora_np.train import AdamW8bit

ALL = ("c_attn", "attn.c_proj", "c_fc", "mlp.c_proj")


def test_an_array_counts_once_and_whole():
    whole = np.zeros(10, np.float32)
    assert measured.array_bytes(whole[:3], {"a": [whole[5:], whole]}, (None, 1, "x")) == 40
    assert measured.array_bytes(np.zeros(2), np.float32(1)) == 20


@settings(max_examples=15)
@given(
    d=st.sampled_from([8, 16]),
    layers=st.integers(1, 3),
    inner=st.sampled_from([None, 24]),
    B=st.integers(1, 3),
    T=st.integers(1, 6),
    rank=st.integers(1, 4),
    way=st.sampled_from(["full", "head", "LoRA on c_attn", "LoRA", "QLoRA"]),
    recompute=st.booleans(),
)
def test_what_is_held_is_what_is_predicted(d, layers, inner, B, T, rank, way, recompute):
    """To the byte, for every kind of bytes, every method and every size."""
    config = GPTConfig(
        vocab_size=11, n_positions=8, n_embd=d, n_layer=layers, n_head=2, n_inner=inner
    )
    shape = formulas.gpt2_shape(d, layers, 11, 8, inner)
    qlora, lora = shape.lora(rank), shape.lora(rank, ("c_attn",))
    method, state, activations = {
        "full": (
            FullFineTuning(),
            formulas.state(shape, shape.weights),
            {"keeps": ALL, "reads_head": True},
        ),
        "head": (
            HeadTuning(),
            formulas.state(shape, 11 * d, 11 * d),
            {"body": False, "reads_head": True},
        ),
        "LoRA on c_attn": (
            LoRA(rank, 3.0),
            formulas.state(shape, lora, lora),
            {"keeps": ("c_attn",), "rank": rank},
        ),
        "LoRA": (
            LoRA(rank, 3.0, "all-linear"),
            formulas.state(shape, qlora, qlora),
            {"keeps": ALL, "rank": rank},
        ),
        "QLoRA": (
            QLoRA(rank, 3.0, "all-linear"),
            formulas.state(shape, qlora, qlora, True),
            {"keeps": ALL, "rank": rank},
        ),
    }[way]
    rng = np.random.default_rng(0)
    model = method.apply(GPT(config, rng), rng)
    assert shape.weights == sum(p.size for p in GPT(config, rng).parameters())
    optimizer = AdamW(model.trainable_parameters())
    batch = next_token(rng.integers(0, 11, (B, T + 1)))
    held = held_in_a_step(model, optimizer, batch, cross_entropy, recompute)
    kept = formulas.activations(config, B, T, recompute=recompute, **activations)
    assert held == state | {"activations": kept}
    assert all(p.grad is None for p in model.parameters()), "the step leaves nothing behind"


@settings(max_examples=10)
@given(
    d=st.sampled_from([64, 96]),
    layers=st.integers(1, 3),
    heads=st.sampled_from([2, 4]),
    B=st.integers(2, 4),
    T=st.sampled_from([32, 64, 128]),
    vocabulary=st.sampled_from([64, 257, 2000]),
    method=st.sampled_from([FullFineTuning(), LoRA(3, 5.0), LoRA(4, 3.0, ALL), QLoRA(4, 3.0, ALL)]),
    recompute=st.booleans(),
    kind=st.sampled_from([AdamW, AdamW8bit]),
)
@example(64, 2, 2, 2, LONG, 257, LoRA(4, 3.0, ALL), True, AdamW)
@example(512, 2, 2, 2, 8, 64, QLoRA(4, 3.0, ALL), False, AdamW)
def test_the_peak_of_a_step_is_what_is_predicted(
    d, layers, heads, B, T, vocabulary, method, recompute, kind
):
    """Within 15 %, the temporaries too: so no step holds another's activations, or copies.

    Not smaller, since Python's own objects, some 20 kB, are in what is measured.
    """
    rng = np.random.default_rng(0)
    model = method.apply(GPT(GPTConfig(vocabulary, T, d, layers, heads), rng), rng)
    optimizer = kind(model.trainable_parameters())
    batch = next_token(rng.integers(0, vocabulary, (B, T + 1)))
    found = peak_of_a_step(model, optimizer, batch, cross_entropy, recompute)
    assert found["measured"] == pytest.approx(found["predicted"], rel=0.15)
    assert found["predicted"] == sum(
        found[kind] for kind in ("weights", "gradients", "moments", "activations", "passing")
    )


def test_known_models_have_their_published_sizes():
    """GPT-2's 124,439,808, and what "175B" and "65B" (65.2 billion) say."""
    assert formulas.MODELS["gpt2"].weights == 124_439_808
    assert formulas.MODELS["gpt3-175b"].weights == pytest.approx(175e9, rel=0.01)
    assert formulas.MODELS["llama-65b"].weights == pytest.approx(65.2e9, rel=0.01)


def test_gpt2s_numbers_are_its_own_networks():
    """The formula against the network itself, at GPT-2's shape but for fewer layers."""
    shape = formulas.gpt2_shape(768, 1, 50257, 1024)
    assert shape.lora(8, ("c_attn",)) == 8 * (768 + 3 * 768)
    per_layer = formulas.MODELS["gpt2"].weights - shape.weights
    assert per_layer == 11 * (12 * 768 * 768 + 13 * 768)


def test_the_documents_layer():
    rows = formulas.table(formulas.Shape((("layer", 512, 1536, 1),), 0), 8)
    assert [row["trained"] for row in rows] == [786_432, 16_384, 16_384]
    assert [round(row["total"] / 1e6, 2) for row in rows] == [12.58, 3.41, 0.70]
