"""VB-LoRA: `VBLORA`, with all logits and not the top ones alone."""

from ...methods import VBLoRA
from ...methods.shared_random.vb_lora import VBLoRALinear
from .layer_form import LAYERS, LayerForm

FORM = LayerForm(
    VBLoRA,
    VBLoRALinear,
    "VBLORA",
    {"r": "rank", "num_vectors": "vectors", "vector_length": "length", "topk": "top"},
    {
        "vblora_logits_A": lambda layer: layer.logits_A.data,
        "vblora_logits_B": lambda layer: layer.logits_B.data,
        "base_model.vblora_vector_bank": lambda layer: layer.bank.data,
    },
    fixed={"save_only_topk_weights": False, "fan_in_fan_out": True},
    sizes={
        "r": (".vblora_logits_A", 0),
        "num_vectors": (".vblora_vector_bank", 0),
        "vector_length": (".vblora_vector_bank", 1),
    },
    IGNORES=("init_vector_bank_bound", "init_logits_std", *LAYERS),
)
