"""Every format of few bits, by the name that the field gives it."""

from .bnb_fp4 import BnbFP4
from .e2m1 import FP4
from .int4 import INT4, INT4Zero
from .mxfp4 import MXFP4
from .nf4 import NF4
from .nvfp4 import NVFP4
from .q4_0 import Q4_0
from .q4_1 import Q4_1
from .q4_k import Q4_K
from .q8_0 import Q8_0

FORMATS = {
    "NF4": NF4(),
    "NF4, scales in 8 bits": NF4(double_quant=True),
    "FP4 (bitsandbytes)": BnbFP4(),
    "FP4 E2M1": FP4(),
    "INT4": INT4(),
    "INT4, zero point": INT4Zero(),
    "MXFP4": MXFP4(),
    "NVFP4": NVFP4(),
    "Q4_0": Q4_0(),
    "Q4_1": Q4_1(),
    "Q4_K": Q4_K(),
    "Q8_0": Q8_0(),
}
