"""The rows of `setting_rows` for numbers in few bits."""

from functools import partial

import numpy as np

from lora_np.quant import NF4, NF4Tensor, quantize_nf4
from lora_np.quant.awq import awq
from lora_np.quant.bnb_fp4 import BnbFP4
from lora_np.quant.e2m1 import FP4
from lora_np.quant.format import Grouped
from lora_np.quant.gptq import gptq
from lora_np.quant.hqq import hqq
from lora_np.quant.int4 import INT4, INT4Zero
from lora_np.quant.nvfp4 import NVFP4

ONE = "whole from 1"
GROUPED = {"format.Grouped": Grouped, "int4.INT4": INT4, "int4.INT4Zero": INT4Zero, "e2m1.FP4": FP4}


def small(call, **good):
    return lambda **given: call(**good | given)


QUANT_ROWS = [  # (place, call, {setting: kind})
    ("quant.nf4.quantize_nf4", partial(quantize_nf4, np.ones(8)), {"block_size": ONE}),
    ("quant.nf4.NF4Tensor", small(NF4Tensor, codes=np.zeros(4, np.uint8), scales=np.ones(1,
     np.float32),
     shape=(8,)), {"block_size": ONE}),
    *[(f"quant.{place}", kind, {"group": "whole from 2"}) for place, kind in GROUPED.items()],
    ("quant.nf4.NF4", NF4, {"group": ONE}), ("quant.bnb_fp4.BnbFP4", BnbFP4, {"group": ONE}),
    ("quant.nvfp4.NVFP4", NVFP4, {"top": "above 0"}),
    ("quant.gptq.gptq", partial(gptq, np.ones((2, 64)), np.eye(64), NF4()), {"damp": "above 0"}),
    ("quant.awq.awq", partial(awq, np.ones((2, 64)), None, NF4()), {"steps": ONE}),
    ("quant.hqq.hqq", partial(hqq, np.ones((2, 64)), NF4()), {"iterations": ONE,
     "p": "above 0, up to 1", "beta": "above 0", "kappa": "above 0"}),
]  # fmt: skip
