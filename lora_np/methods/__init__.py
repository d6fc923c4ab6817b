"""What moves: one file per way of choosing the numbers that learn.

A folder holds those of one structure: `low_rank/` factors of ΔW, `shared_random/` fixed matrices
that few numbers mix, `product/` what multiplies, `orthogonal/` what rotates,
`sparse_and_spectral/` few places, waves or circulant blocks, `inputs/` what the model reads beside
its tokens, `parts/` whole parts of it. What serves them all stands beside the folders.

`METHODS` is the one list of them; commands, PEFT's files, experiments and tests derive what they
need from it. A method is a frozen dataclass: its fields are its settings, and `apply(model, rng)`
gives a view in which it learns, with `model` itself untouched; rng may be None where nothing is
random. The class carries its name for the command line, `name`, and AdamW's usual `rate` for it
(`recipes.finetune.usual_rate`).
"""

from .inputs.p_tuning import PTuning
from .inputs.prefix import PrefixTuning
from .inputs.prompt import PromptTuning
from .inputs.trainable_tokens import TrainableTokens
from .low_rank.adalora import AdaLoRA
from .low_rank.delora import DeLoRA
from .low_rank.dora import DoRA, DoRALinear
from .low_rank.gralora import GraLoRA
from .low_rank.lora import LoRA
from .low_rank.lora_linear import LoRALinear
from .low_rank.lora_plus import lora_plus_groups
from .low_rank.miss import MiSS
from .low_rank.qlora import QLoRA, quantize_base, round_base
from .low_rank.to_lora import to_lora
from .orthogonal.boft import BOFT
from .orthogonal.hra import HRA
from .orthogonal.oft import OFT
from .orthogonal.road import RoAd
from .parts.bitfit import BitFit
from .parts.bottleneck import BottleneckAdapters
from .parts.full import FullFineTuning
from .parts.head import HeadTuning, extract_features
from .parts.ln_tuning import LNTuning
from .product.hira import HiRA
from .product.ia3 import IA3
from .product.loha import LoHa
from .product.lokr import LoKr
from .shared_random.randlora import RandLoRA
from .shared_random.tiny_lora import TinyLoRA, TinyLoRALinear
from .shared_random.vb_lora import VBLoRA
from .shared_random.vera import VeRA
from .sparse_and_spectral.c3a import C3A
from .sparse_and_spectral.fourier_ft import FourierFT
from .sparse_and_spectral.shira import SHiRA
from .targets import ALL_LINEAR, merge

METHODS = (  # as a command starts them, in the order in which loading applies them
    FullFineTuning(),
    LoRA(targets=ALL_LINEAR),
    QLoRA(targets=ALL_LINEAR),
    DoRA(targets=ALL_LINEAR),
    AdaLoRA(),
    DeLoRA(),
    GraLoRA(),
    MiSS(),
    TinyLoRA(),
    VeRA(),
    RandLoRA(),
    VBLoRA(),
    IA3(),
    LoHa(),
    LoKr(),
    HiRA(),
    OFT(),
    BOFT(),
    HRA(),
    RoAd(),
    FourierFT(),
    SHiRA(),
    C3A(),
    BottleneckAdapters(32),
    BitFit(),
    LNTuning(),
    HeadTuning(),
    TrainableTokens(),
    PrefixTuning(16),
    PromptTuning(16),
    PTuning(16),
)

__all__ = [
    "BOFT", "C3A", "HRA", "IA3", "METHODS", "OFT", "AdaLoRA", "BitFit", "BottleneckAdapters",
    "DeLoRA", "DoRA", "DoRALinear", "FourierFT", "FullFineTuning", "GraLoRA", "HeadTuning",
    "HiRA", "LNTuning", "LoHa", "LoKr", "LoRA", "LoRALinear", "MiSS", "PTuning", "PrefixTuning",
    "PromptTuning", "QLoRA", "RandLoRA", "RoAd", "SHiRA", "TinyLoRA", "TinyLoRALinear",
    "TrainableTokens", "VBLoRA", "VeRA", "extract_features", "lora_plus_groups", "merge",
    "quantize_base", "round_base", "to_lora",
]  # fmt: skip
