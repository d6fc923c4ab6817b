"""What moves: one file per way of choosing the numbers that learn.

A folder holds those of one structure: `low_rank/` factors of ΔW, `shared_random/` fixed matrices
that few numbers mix, `product/` what multiplies, `inputs/` what the model reads beside its tokens,
`parts/` whole parts of it. What serves them all stands beside the folders.

`METHODS` is the one list of them; commands, PEFT's files, experiments and tests derive what they
need from it. A method is a frozen dataclass: its fields are its settings, and `apply(model, rng)`
gives a view in which it learns, with `model` itself untouched; rng may be None where nothing is
random. The class carries its name for the command line, `name`, and AdamW's usual `rate` for it
(`recipes.finetune.usual_rate`).
"""

from .inputs.prefix import PrefixTuning
from .inputs.prompt import PromptTuning
from .low_rank.dora import DoRA, DoRALinear
from .low_rank.lora import LoRA, LoRALinear, lora_plus_groups
from .low_rank.qlora import QLoRA, quantize_base
from .low_rank.to_lora import to_lora
from .parts.bitfit import BitFit
from .parts.bottleneck import BottleneckAdapters
from .parts.full import FullFineTuning
from .parts.head import HeadTuning, extract_features
from .product.ia3 import IA3
from .shared_random.tiny_lora import TinyLoRA, TinyLoRALinear
from .targets import ALL_LINEAR, merge

METHODS = (  # as a command starts them, in the order in which loading applies them
    FullFineTuning(),
    LoRA(targets=ALL_LINEAR),
    QLoRA(targets=ALL_LINEAR),
    DoRA(targets=ALL_LINEAR),
    TinyLoRA(),
    IA3(),
    BottleneckAdapters(32),
    BitFit(),
    HeadTuning(),
    PrefixTuning(16),
    PromptTuning(16),
)

__all__ = [
    "IA3", "METHODS", "BitFit", "BottleneckAdapters", "DoRA", "DoRALinear", "FullFineTuning",
    "HeadTuning", "LoRA", "LoRALinear", "PrefixTuning", "PromptTuning", "QLoRA", "TinyLoRA",
    "TinyLoRALinear", "extract_features", "lora_plus_groups", "merge", "quantize_base",
    "to_lora",
]  # fmt: skip
