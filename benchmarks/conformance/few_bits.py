"""bitsandbytes' and torchao's NF4 as subjects."""

import importlib.util

import torch

TIES = "either level is as near, and no convention is promised"
DOUBLE = (
    "its docstring: the scales are quantized to 8 bits too, as in the paper's double quantization"
)


class BitsandbytesNF4:
    library, name = "bitsandbytes", "bitsandbytes NF4"
    differs = {"ties_go_to_the_lower_level": TIES}

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
    differs |= {"ties_go_to_the_lower_level": TIES}

    def quantize(w, block):
        from torchao.dtypes.nf4tensor import to_nf4

        if w.size % block:
            raise NotImplementedError("an array that its blocks do not fill")
        w = torch.tensor(w, dtype=torch.float32)
        return to_nf4(w, block_size=block, scaler_block_size=w.numel() // block)

    def dequantize(q):
        return q.get_original_weight().numpy()


SUBJECTS = [
    kind
    for kind in (BitsandbytesNF4, TorchaoNF4)
    if importlib.util.find_spec(kind.library) is not None
]
