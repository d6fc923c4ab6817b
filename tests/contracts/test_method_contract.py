"""Every method obeys every law, alone and composed, on models whose shapes hypothesis draws."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import llama_cases, shape_cases
from contracts.method_cases import CASES
from contracts.method_laws import LAWS, gradients_match_differences
from lora_np.nn import GPTConfig, LlamaConfig


@st.composite
def configs(draw):
    """At a width of 2, LayerNorm leaves only signs, and gradients nothing but rounding."""
    n_head, width = draw(st.sampled_from([(1, 5), (2, 2), (2, 3), (3, 2)]), label="heads")
    return GPTConfig(
        vocab_size=draw(st.integers(4, 7), label="vocab_size"),
        n_positions=10,
        n_embd=n_head * width,
        n_layer=draw(st.integers(1, 2), label="n_layer"),
        n_head=n_head,
        n_inner=draw(st.sampled_from([None, 5]), label="n_inner"),
    )


@st.composite
def llama_configs(draw):
    heads, groups, head_dim = draw(st.sampled_from([(1, 1, 4), (4, 2, 2), (6, 2, 4)]))
    return LlamaConfig(
        vocab_size=draw(st.integers(4, 7), label="vocab_size"),
        hidden_size=draw(st.integers(5, 8), label="hidden_size"),
        intermediate_size=draw(st.integers(4, 9), label="intermediate_size"),
        num_hidden_layers=draw(st.integers(1, 2), label="num_hidden_layers"),
        num_attention_heads=heads,
        num_key_value_heads=groups,
        head_dim=head_dim,
        max_position_embeddings=10,
    )


def obeys_every_law(case, config, seed):
    for law in LAWS:
        if case.exact or law is not gradients_match_differences:
            law(case, case.fitted(config), seed)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=4)
@given(config=configs(), seed=st.integers(0, 10_000))
def test_laws(case, config, seed):
    obeys_every_law(case, config, seed)


ON_LLAMAS = [c for c in llama_cases.CASES if c not in shape_cases.CASES]  # their golden is one


@pytest.mark.parametrize("case", ON_LLAMAS, ids=lambda case: case.name)
@settings(max_examples=3)
@given(config=llama_configs(), seed=st.integers(0, 10_000))
def test_laws_on_llamas(case, config, seed):
    obeys_every_law(case, config, seed)
