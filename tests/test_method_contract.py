"""Every method, alone and composed, obeys every law on GPTs whose shapes hypothesis draws."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lora_np.nn import GPTConfig
from method_cases import CASES
from method_laws import LAWS, gradients_match_differences


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


PAIRS = [
    pytest.param(case, law, id=f"{case.name}-{law.__name__}")
    for case in CASES
    for law in LAWS
    if case.exact or law is not gradients_match_differences
]


@pytest.mark.parametrize(("case", "law"), PAIRS)
@settings(max_examples=4)
@given(config=configs(), seed=st.integers(0, 10_000))
def test_law(case, law, config, seed):
    law(case, config, seed)
