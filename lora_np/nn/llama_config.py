"""A Llama's sizes and options: Llama 1 to 3, Mistral, Qwen2 and Qwen3 are values of one config."""

from dataclasses import dataclass, fields

from ..system.checks import check_fields
from .functional import DROPPED
from .rotary import DynamicScaling, LongRopeScaling, Scaling

FULL, SLIDING = "full_attention", "sliding_attention"  # of layer_types
OPTIONS: dict = {  # by model_type: what it may switch on; the others do not have it
    "llama": ("attention_bias", "mlp_bias"),
    "mistral": ("sliding_window",),
    "qwen2": ("sliding_window", "layer_types"),
    "qwen3": ("attention_bias", "sliding_window", "layer_types"),
}


def also(name):
    """Another name for the attribute `name`: GPT-2's, by which shared code calls this part."""
    return property(lambda self: getattr(self, name), lambda self, new: setattr(self, name, new))


@dataclass(frozen=True)
class LlamaConfig:
    """A Llama's sizes and options, under Hugging Face's names, and the GPT-2's for the same sizes.

    `num_key_value_heads` None is one a head, `head_dim` None is hidden_size / heads. `model_type`
    says what is always so: Qwen2 adds biases to q, k and v, Qwen3 normalizes each head of q and k.
    `attention_bias` adds one to q, k, v and o, `mlp_bias` to the MLP's three. A position sees the
    last `sliding_window` ones, itself among them, in all layers or those that `layer_types` calls
    "sliding_attention". `attention_dropout` is a share of the attention weights, in training alone.
    """

    vocab_size: int = 256
    hidden_size: int = 128
    intermediate_size: int = 384
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    max_position_embeddings: int = 128
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0
    rope_scaling: Scaling | None = None
    attention_dropout: float = 0.0
    model_type: str = "llama"
    attention_bias: bool = False
    mlp_bias: bool = False
    sliding_window: int | None = None
    layer_types: tuple[str, ...] | None = None

    n_embd, n_layer, n_head = map(also, ("hidden_size", "num_hidden_layers", "num_attention_heads"))
    n_kv_head = also("num_key_value_heads")
    qk_norm = property(lambda self: self.model_type == "qwen3")
    qkv_bias = property(lambda self: self.attention_bias or self.model_type == "qwen2")

    @property
    def n_positions(self):
        """How many positions there are; of dynamic scaling, what its factor makes of them."""
        scaling = self.rope_scaling
        reach = scaling.factor if isinstance(scaling, DynamicScaling) else 1
        return int(reach * self.max_position_embeddings)

    def window(self, i):
        """How many positions layer i sees, or None where it sees all before it."""
        full = self.layer_types is not None and self.layer_types[i] == FULL
        return None if full else self.sliding_window

    def __post_init__(self):
        check_fields(self, attention_dropout=DROPPED)
        H = self.num_attention_heads
        if self.num_key_value_heads is None:
            object.__setattr__(self, "num_key_value_heads", H)
        if self.head_dim is None and self.hidden_size % H == 0:
            object.__setattr__(self, "head_dim", self.hidden_size // H)
        if self.head_dim is None or self.head_dim % 2:  # it is rotated in pairs
            expected = f"hidden_size {self.hidden_size} to divide into {H} heads of an even width"
            raise ValueError(f"LlamaConfig: expected {expected}, got head_dim {self.head_dim}")
        if H % self.num_key_value_heads:
            G = self.num_key_value_heads
            raise ValueError(f"LlamaConfig: {H} heads do not divide into {G} groups")
        self._check_options()

    def _check_options(self):
        layers = self.layer_types
        if self.model_type not in OPTIONS:
            expected = f"model_type {' or '.join(OPTIONS)}"
            raise ValueError(f"LlamaConfig: expected {expected}, got {self.model_type!r}")
        for field in fields(self)[-4:]:  # the options
            value = getattr(self, field.name)
            if value != field.default and field.name not in OPTIONS[self.model_type]:
                none = f"a {self.model_type} has no {field.name}"
                raise ValueError(f"LlamaConfig: {none}, got {value!r}")
        for name in ("attention_bias", "mlp_bias"):
            if not isinstance(getattr(self, name), bool):
                got = f"to be True or False, got {getattr(self, name)!r}"
                raise ValueError(f"LlamaConfig: expected {name} {got}")
        whole = isinstance(layers, tuple) and set(layers) <= {FULL, SLIDING}
        if layers is not None and not (whole and len(layers) == self.num_hidden_layers):
            expected = f"layer_types, {self.num_hidden_layers} of {FULL} or {SLIDING}"
            raise ValueError(f"LlamaConfig: expected {expected}, got {layers!r}")
        if layers is not None and SLIDING in layers and self.sliding_window is None:
            raise ValueError(f"LlamaConfig: expected a sliding_window for layers with {SLIDING}")
        if not isinstance(self.rope_scaling, Scaling | None):
            expected = f"rope_scaling to be None or one of nn.rotary's, got {self.rope_scaling!r}"
            raise ValueError(f"LlamaConfig: expected {expected}")
        if isinstance(self.rope_scaling, LongRopeScaling):
            scaling, n = self.rope_scaling, self.head_dim // 2
            if not len(scaling.short_factor) == len(scaling.long_factor) == n:
                raise ValueError(f"LlamaConfig: expected {n} factors in rope_scaling, one a pair")
