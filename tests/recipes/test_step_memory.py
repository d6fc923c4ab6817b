"""What a linear layer's training holds, measured, is what the formulas say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lora_np.memory.formulas import Shape, table
from lora_np.recipes.step_memory import layer_rows

EIGHTS = st.integers(1, 10).map(lambda n: 8 * n)  # so that blocks of 64 are whole


@given(EIGHTS, EIGHTS, st.data(), st.integers(1, 3))
def test_a_layers_bytes_are_those_by_formula(n_in, n_out, data, tokens):
    rank = data.draw(st.integers(1, min(n_in, n_out)))
    rows = layer_rows(n_in, n_out, rank, np.random.default_rng(0), tokens)
    assert rows == table(Shape((("layer", n_in, n_out, 1),), 0), rank)
