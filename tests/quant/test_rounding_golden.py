"""GPTQ code for code as AutoGPTQ has it, and HQQ never worse than its own library."""

import numpy as np
import pytest

from golden.readers.rounding_cases import GROUPS, TARGET
from lora_np.quant.gptq import gptq
from lora_np.quant.hqq import hqq
from lora_np.quant.int4 import INT4Zero
from lora_np.quant.q4_1 import Q4_1


@pytest.fixture(scope="module")
def golden():
    with np.load(TARGET, allow_pickle=False) as file:
        return dict(file)


@pytest.mark.parametrize("group", GROUPS)
def test_gptq_takes_the_codes_of_autogptq(group, golden):
    """It solves in float32 and ours in float64, so scales behind the first agree to rounding."""
    form = INT4Zero(group)
    found = gptq(golden["Wt"], golden["H"].astype(np.float32), form)
    scale, zero = (part.reshape(golden["Wt"].shape[0], -1) for part in form.scales(found.stored))
    np.testing.assert_allclose(scale, golden[f"scale.{group}"], rtol=1e-4)
    assert np.array_equal(zero, golden[f"zero.{group}"])
    assert np.array_equal(found.unpack(), golden[f"codes.{group}"])
    nearest = form.quantize(golden["Wt"])
    assert (nearest.unpack() != found.unpack()).mean() > 0.1, "the data made a difference"


class Unrounded(Q4_1):
    """A line for 64 numbers that is stored as it was fitted: what HQQ's library does."""

    group, half, scale_bytes = 64, 32, 8

    def store(self, scale, offset):
        return {"scale": scale, "offset": offset}


def test_hqq_keeps_in_each_block_what_is_best_of_its_librarys_steps(golden):
    """It stops for all blocks at once, by mean |error|; ours looks at each one's own sum."""
    blocks = golden["blocks"]

    def loss(offset):
        codes = np.clip(np.rint(blocks - offset), 0, 15)
        return (np.abs(blocks - codes - offset) ** 0.7).sum(axis=1)

    found = hqq(blocks, Unrounded(), kappa=1.0)
    assert np.allclose(found.stored["scale"], 1)
    ours, theirs = loss(found.stored["offset"].reshape(-1, 1)), loss(-golden["zero"])
    assert (ours <= theirs * (1 + 1e-4)).all() and np.isclose(ours, theirs, rtol=1e-4).any()
