"""The layers that turn, scatter or repeat numbers, for the layers' contract, as they start."""

import math

from hypothesis import assume

from helpers.builders import linear
from lora_np.methods.low_rank.miss import MiSSLinear
from lora_np.methods.orthogonal.boft import BOFTLinear
from lora_np.methods.orthogonal.hra import HRALinear
from lora_np.methods.orthogonal.oft import OFTLinear
from lora_np.methods.orthogonal.road import RoAdLinear
from lora_np.methods.sparse_and_spectral.c3a import C3ALinear
from lora_np.methods.sparse_and_spectral.fourier_ft import FourierFTLinear
from lora_np.methods.sparse_and_spectral.shira import SHiRALinear


def smallest_block(n):
    return next(b for b in range(2, n + 1) if n % b == 0)


def oft_start(case):
    return OFTLinear(linear(case), smallest_block(case.n_in), True, 5)


def oft_exact_start(case):
    return OFTLinear(linear(case), smallest_block(case.n_in), False, 5)


def boft_start(case):
    """Two factors where four inputs can be mixed."""
    return BOFTLinear(linear(case), *((2, 2) if case.n_in % 4 == 0 else (case.n_in, 1)))


def hra_start(case):
    return HRALinear(linear(case), case.rank, case.rng())


def road_start(case):
    """In each of its three variants, for the even `out` that they need."""
    assume(case.n_out % 2 == 0)
    return RoAdLinear(linear(case), 2 if case.n_out % 4 else 4, (1, 2, 4)[case.seed % 3])


def fourier_ft_start(case):
    return FourierFTLinear(linear(case), 3, case.alpha, case.seed)


def shira_start(case):
    return SHiRALinear(linear(case), 1, case.rng())


def c3a_start(case):
    return C3ALinear(linear(case), math.gcd(case.n_in, case.n_out))


def miss_start(case):
    """As PEFT's default, or as its "mini" with a piece of half the columns."""
    half = case.n_out // 2 if case.n_out % 2 == 0 and case.seed % 2 else None
    return MiSSLinear(linear(case), case.rank, half)


STARTS = [  # all the identity at first but for HRA of an odd rank
    oft_start,
    oft_exact_start,
    boft_start,
    hra_start,
    road_start,
    fourier_ft_start,
    shira_start,
    c3a_start,
    miss_start,
]
