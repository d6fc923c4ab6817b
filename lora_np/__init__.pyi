# What the package exports: read by lazy_loader in __init__.py, and by type checkers.

from . import checkpoint as checkpoint
from . import generation as generation
from . import gradcheck as gradcheck
from . import methods as methods
from . import nn as nn
from . import objectives as objectives
from . import quant as quant
from . import tasks as tasks
from . import train as train
from .checkpoint import load_adapter as load_adapter
from .checkpoint import load_gpt2 as load_gpt2
from .checkpoint import save_adapter as save_adapter
from .checkpoint import save_gpt2 as save_gpt2
from .generation.sampling import generate as generate
from .gradcheck import check_gradients as check_gradients
from .methods import IA3 as IA3
from .methods import BitFit as BitFit
from .methods import BottleneckAdapters as BottleneckAdapters
from .methods import DoRA as DoRA
from .methods import FullFineTuning as FullFineTuning
from .methods import HeadTuning as HeadTuning
from .methods import LoRA as LoRA
from .methods import LoRALinear as LoRALinear
from .methods import PrefixTuning as PrefixTuning
from .methods import PromptTuning as PromptTuning
from .methods import QLoRA as QLoRA
from .methods import merge as merge
from .nn import GPT as GPT
from .nn import GPTConfig as GPTConfig
from .nn import Linear as Linear
from .nn import Module as Module
from .nn import Parameter as Parameter
from .objectives import cross_entropy as cross_entropy
from .quant import NF4Linear as NF4Linear
from .quant import quantize_nf4 as quantize_nf4
from .tasks import Batch as Batch
from .tasks import classification as classification
from .tasks import next_token as next_token
from .train.optim import SGD as SGD
from .train.optim import AdamW as AdamW

__version__: str
__all__: list[str]
