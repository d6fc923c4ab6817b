"""The layers that add an x·ΔW (methods/added.py), for the layers' contract, as they start."""

from helpers.builders import linear
from lora_np.methods.low_rank.adalora import AdaLoRALinear
from lora_np.methods.low_rank.delora import DeLoRALinear
from lora_np.methods.low_rank.gralora import GraLoRALinear
from lora_np.methods.product.hira import HiRALinear
from lora_np.methods.product.loha import LoHaLinear
from lora_np.methods.product.lokr import LoKrLinear
from lora_np.methods.shared_random.randlora import RandLoRALinear
from lora_np.methods.shared_random.vb_lora import VBLoRALinear
from lora_np.methods.shared_random.vera import VeRALinear
from lora_np.nn import Parameter


def fixed(case, *shape):
    return Parameter(case.array(*shape, salt=40 + len(shape)), trainable=False)


def adalora_start(case):
    return AdaLoRALinear(linear(case), case.rank + 1, case.alpha, case.rank, case.rng())


def delora_start(case):
    """Of long columns: near a short one, a difference is not small beside its length."""
    layer = DeLoRALinear(linear(case), case.rank, case.alpha, case.rng())
    layer.A.data *= 10
    return layer


def gralora_start(case):
    blocks = 2 if case.n_in % 2 == case.n_out % 2 == 0 else 1
    return GraLoRALinear(linear(case), 2 * case.rank, case.alpha, blocks, case.rng())


def vera_start(case):
    """A and B are larger than the layer needs."""
    A, B = fixed(case, case.n_in + 1, case.rank), fixed(case, case.rank, case.n_out + 2)
    return VeRALinear(linear(case), A, B, 0.3)


def randlora_start(case):
    large, small = max(case.n_in, case.n_out), min(case.n_in, case.n_out)
    bases = fixed(case, large + 1, case.rank * (small + 1))
    return RandLoRALinear(linear(case), fixed(case, case.rank, small + 1), bases, case.alpha)


def loha_start(case):
    return LoHaLinear(linear(case), case.rank, case.alpha, case.rng())


def lokr_start(case):
    return LoKrLinear(linear(case), case.rank, case.alpha, case.rng())


def hira_start(case):
    return HiRALinear(linear(case), case.rank, case.rng())


def vb_lora(case):
    """Of a bank whose vectors are not small: no start of its own, for it does not begin at zero.

    Its logits are so far apart that no small difference changes which are the top ones.
    """
    bank = Parameter(case.array(4, 1, salt=41))
    layer = VBLoRALinear(linear(case), case.rank, 2, bank, case.rng())
    for logits in (layer.logits_A, layer.logits_B):
        logits.data = 0.3 * logits.data.argsort(axis=-1).argsort(axis=-1)
    return layer


STARTS = [
    adalora_start,
    delora_start,
    gralora_start,
    vera_start,
    randlora_start,
    loha_start,
    lokr_start,
    hira_start,
]
