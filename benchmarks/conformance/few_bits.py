"""bitsandbytes' and torchao's NF4, and PEFT's LoRA on bitsandbytes' 4-bit layer, as subjects."""

import importlib.util

import numpy as np
import torch
from peft_subjects import PEFT, Net
from torch_layer import tensor

ROUNDS = "PEFT warns on merging: may get different generations due to rounding errors"
DOUBLE = (
    "its docstring: the scales are quantized to 8 bits too, as in the paper's double quantization"
)


class BitsandbytesNF4:
    library, name = "bitsandbytes", "bitsandbytes NF4"

    def quantize(w, block):
        import bitsandbytes.functional as bnb

        w = torch.tensor(w, dtype=torch.float32)
        return bnb.quantize_4bit(w, blocksize=block, quant_type="nf4")

    def dequantize(q):
        import bitsandbytes.functional as bnb

        return bnb.dequantize_4bit(*q).numpy()

    def nbytes(q):
        codes, state = q
        return codes.numel() * codes.element_size() + state.absmax.numel() * 4


class TorchaoNF4:
    """Blocks that fill the array, and scalers that fill their blocks, are all it takes."""

    library, name = "torchao", "torchao NF4"
    differs = dict.fromkeys(
        (
            "the_largest_of_a_block_is_exact", "each_number_goes_to_the_nearest_level",
            "rounding_again_changes_nothing", "each_block_has_its_own_scale",
            "a_weight_takes_four_bits_and_its_share_of_a_scale", "the_levels_are_nf4s",
        ),
        DOUBLE,
    )  # fmt: skip

    def quantize(w, block):
        from torchao.dtypes.nf4tensor import to_nf4

        if w.size % block:
            raise NotImplementedError("an array that its blocks do not fill")
        w = torch.tensor(w, dtype=torch.float32)
        return to_nf4(w, block_size=block, scaler_block_size=w.numel() // block)

    def dequantize(q):
        return q.get_original_weight().numpy()


class PEFTQLoRA(PEFT):
    """LoRA on bnb.nn.Linear4bit, whose weight is held in NF4."""

    library, quantized = "peft", True
    unmerge = combine = save = load = None

    def __init__(self):
        super().__init__(differs={
            "qlora_merges_onto_what_training_saw": ROUNDS, "merged_equals_forward": ROUNDS,
            "a_merged_layer_answers_the_same": ROUNDS, "merging_again_adds_nothing": ROUNDS,
        })  # fmt: skip
        self.name = "PEFT on bitsandbytes' Linear4bit"

    def make(self, W, rank, alpha, bias=None, dropout=0.0):
        import bitsandbytes as bnb

        net = Net(W, bias, False)
        four = bnb.nn.Linear4bit(
            *W.shape, bias=bias is not None, compute_dtype=torch.float32, quant_type="nf4"
        )
        own = {key: value.float() for key, value in net.lin.state_dict().items()}
        four.load_state_dict(own)
        net.lin = four.to("cpu")
        from peft import get_peft_model

        return get_peft_model(net, self.config(rank, alpha, dropout)).float()

    def weight(self, model):
        import bitsandbytes.functional as bnb

        weight = self.inner(model).base_layer.weight
        return bnb.dequantize_4bit(weight.data, weight.quant_state).numpy().T.astype(np.float64)


SUBJECTS = [
    kind
    for kind in (BitsandbytesNF4, TorchaoNF4)
    if importlib.util.find_spec(kind.library) is not None
]
SUBJECTS += [PEFTQLoRA()] if BitsandbytesNF4 in SUBJECTS else []
assert tensor([1.0]).dtype == torch.float64
