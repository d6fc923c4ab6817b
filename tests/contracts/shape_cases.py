"""The methods that write ΔW with few numbers, in the contract of a GPT's methods and of a Llama's.

A row: what `build(config)` makes, the numbers of a layer of (in, out), those that all layers share,
and whether it starts as the base.
"""

import math

from contracts.cases import MethodCase
from helpers.models import small_gpt
from lora_np.methods import (
    BOFT,
    C3A,
    HRA,
    OFT,
    AdaLoRA,
    DeLoRA,
    FourierFT,
    GraLoRA,
    HiRA,
    LoHa,
    LoKr,
    MiSS,
    RandLoRA,
    RoAd,
    SHiRA,
    VBLoRA,
    VeRA,
)
from lora_np.methods.product.lokr import middle


def widths(config):
    return [(each.in_features, each.out_features) for _, each in small_gpt(config).linears()]


def common(config):
    return math.gcd(*(size for both in widths(config) for size in both))


def gralora(config):
    """One block in a row where the widths leave no more: then it is LoRA."""
    return GraLoRA(4, 3.0, 2 if common(config) % 2 == 0 else 1)


def lokr_numbers(rank):
    def numbers(n_in, n_out):
        (m, n), (p, k) = middle(n_in), middle(n_out)
        return m * p + (n * k if 2 * rank >= max(n, k) else rank * (n + k))

    return numbers


def randlora_numbers(n_in, n_out, rank=3):
    small = min(n_in, n_out)
    return math.ceil(small / rank) * (rank + small)


ROWS = {
    "AdaLoRA": (lambda c: AdaLoRA(3, 3.0, 2), lambda i, o: 3 * (i + 1 + o), 0, True),
    "DeLoRA": (lambda c: DeLoRA(2, 1.5), lambda i, o: 2 * (i + o) + 1, 0, True),
    "GraLoRA": (gralora, lambda i, o: 4 * (i + o), 0, True),
    "VeRA": (lambda c: VeRA(5), lambda i, o: 5 + o, 0, True),
    "RandLoRA": (lambda c: RandLoRA(3, 6.0), randlora_numbers, 0, True),
    "VB-LoRA": (lambda c: VBLoRA(2, 6, 1), lambda i, o: 2 * 6 * (i + o), 6, False),
    "VB-LoRA, long": (lambda c: VBLoRA(2, 6), None, None, False),
    "LoHa": (lambda c: LoHa(2, 3.0), lambda i, o: 4 * (i + o), 0, True),
    "LoKr": (lambda c: LoKr(1, 3.0), lokr_numbers(1), 0, True),
    "LoKr, D whole": (lambda c: LoKr(8, 3.0), lokr_numbers(8), 0, True),
    "HiRA": (lambda c: HiRA(2), lambda i, o: 2 * (i + o), 0, True),
    "MiSS": (lambda c: MiSS(2), lambda i, o: 2 * o, 0, True),
    "MiSS mini": (lambda c: MiSS(2, mini=2), lambda i, o: 4, 0, True),
    "OFT": (lambda c: OFT(4), lambda i, o: 3 * i // 2, 0, True),
    "BOFT": (lambda c: BOFT(2, 2), lambda i, o: 4 * i + o, 0, True),
    "HRA": (lambda c: HRA(2), lambda i, o: 2 * i, 0, None),  # the base's, but for rounding
    "RoAd": (lambda c: RoAd(4, "road_4"), lambda i, o: 4 * o, 0, True),
    "FourierFT": (lambda c: FourierFT(5, 10.0), lambda i, o: 5, 0, True),
    "SHiRA": (lambda c: SHiRA(2), lambda i, o: 2 * (i + o), 0, True),
    "C3A": (lambda c: C3A(2), lambda i, o: i * o // 2, 0, True),
}
BLOCKS = ("MiSS mini", "OFT", "BOFT", "RoAd", "C3A")  # whose blocks must divide all widths


def case(name):
    build, numbers, shared, identity = ROWS[name]

    def count(config):
        if numbers is None:  # VB-LoRA: pieces as long as all widths allow
            b, pieces = common(config), sum(i + o for i, o in widths(config)) // common(config)
            return 6 * b + 2 * 6 * pieces
        return shared + sum(numbers(*both) for both in widths(config))

    # VB-LoRA's logits act through products of its bank's small numbers: 1 shows above rounding.
    spread = 1.0 if name.startswith("VB") else 0.2
    fit = 4 if name in BLOCKS else 1
    return MethodCase(name, lambda c: (build(c),), count, identity, spread=spread, multiple=fit)


CASES = [case(name) for name in ROWS]
