"""A Llama's settings and tensors in a GGUF file: of a Llama or Mistral, a Qwen2 or a Qwen3.

GGUF has its own names, and of a Llama the rows of q and k in another order: it turns neighbours
(x₀, x₁); of a Qwen, as Hugging Face and this library do, halves (x₀, x_hd/2).
"""

import numpy as np

from ..nn.llama_config import LlamaConfig
from ..nn.rotary import LinearScaling, LongRopeScaling, YarnScaling
from ..system.checks import said_of
from .gguf import open_gguf

IN_GGUF = {  # our name of a part, in a block or beside them: GGUF's
    "embed_tokens": "token_embd",
    "norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
READ = """context_length embedding_length feed_forward_length block_count attention.head_count
    attention.head_count_kv attention.key_length attention.layer_norm_rms_epsilon
    rope.freq_base rope.scaling.type rope.scaling.factor rope.scaling.original_context_length
    rope.scaling.yarn_beta_fast rope.scaling.yarn_beta_slow""".split()  # they make the config
ARCHITECTURES = ("llama", "qwen2", "qwen3")  # a Mistral's is llama
FREQS = "rope_freqs.weight"  # by what each pair's rate is divided: Llama 3's scaling


def read_gguf(path):
    """(the config, {our name: tensor to read}, how to put a tensor's rows in our order).

    Raises: ImportError without the extra `llm`; ValueError for another architecture, or settings
    that this model does not have.
    """
    file = open_gguf(path)
    architecture = file.get("general.architecture", str)
    if file.get("general.type", str, "model") == "adapter":
        raise ValueError(f"{path}: an adapter, not a model: name its base, and it as --adapter")
    if architecture not in ARCHITECTURES:
        known = " or ".join(ARCHITECTURES)
        raise ValueError(f"{path}: expected the architecture {known}, got {architecture!r}")

    def get(name, kind=int, default=None):
        return file.get(f"{architecture}.{name}", kind, default)

    stored = {ours(name): tensor for name, tensor in file.tensors.items()}
    table = stored.get("embed_tokens.weight")
    if table is None:
        raise ValueError(f"{path}: no tensor token_embd.weight, the embeddings")
    d, heads = get("embedding_length"), get("attention.head_count")
    biases = {"attention_bias": "self_attn.o_proj.bias", "mlp_bias": "mlp.up_proj.bias"}
    sizes = dict(
        vocab_size=table.shape[0],
        hidden_size=d,
        intermediate_size=get("feed_forward_length"),
        num_hidden_layers=get("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=get("attention.head_count_kv", default=heads),
        head_dim=get("attention.key_length", default=d // max(heads, 1)),
        max_position_embeddings=get("context_length"),
        rms_norm_eps=as_meant(get("attention.layer_norm_rms_epsilon", float)),
        rope_theta=get("rope.freq_base", float, 10000.0),
        rope_scaling=scaling_of(get, stored.pop(FREQS, None), path),
        model_type=architecture,
        **{name: f"layers.0.{bias}" in stored for name, bias in biases.items()},
    )
    with said_of(path):
        config = LlamaConfig(**sizes)
    check_fields(file, config)

    def reorder(name, array):
        layer = name.rpartition(".")[0]
        return in_halves(array, config.head_dim) if in_pairs(architecture, layer) else array

    return config, stored, reorder


def in_pairs(architecture, layer):
    """Whether GGUF has a layer's rows of a pair next to each other."""
    return architecture == "llama" and layer.endswith(("q_proj", "k_proj"))


def in_halves(array, head_dim):
    """Rows 2i and 2i + 1 of each head are a pair; put them at i and i + hd/2."""
    return _swapped(array, head_dim // 2, 2)


def in_neighbours(array, head_dim):
    """Undoes `in_halves`."""
    return _swapped(array, 2, head_dim // 2)


def _swapped(array, a, b):
    return array.reshape(-1, a, b, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def architecture_of(config):
    """GGUF's name for a Llama's kind."""
    return config.model_type if config.model_type in ARCHITECTURES else "llama"


def as_meant(value):
    """A file has it in float32: 1e-5 is there 9.99999975e-06. The shortest that rounds to it."""
    with np.errstate(over="ignore"):  # inf, which no setting may be
        return float(str(np.float32(value)))


def scaling_of(get, freqs, path):
    """The scaling that a file's settings, or its tensor of divisors `freqs`, describe, or None."""
    factor = get("rope.scaling.factor", float, 1.0)
    kind = get("rope.scaling.type", str, "linear")  # llama.cpp's own default
    if kind not in ("none", "linear", "yarn") or (kind == "none" and factor != 1):
        raise ValueError(f"{path}: rope.scaling.type {kind!r} with factor {factor} is not computed")
    if freqs is not None:
        if kind == "yarn" or factor != 1:
            raise ValueError(f"{path}: rope.scaling beside {FREQS} is not computed")
        if len(freqs.shape) != 1:
            raise ValueError(f"{path}: {FREQS} is {freqs.shape}, expected one number a pair")
        factors = tuple(freqs.read(np.float64).tolist())
        return LongRopeScaling(factors, factors, attention_factor=1.0)
    if kind == "yarn":
        fast, slow = (get(f"rope.scaling.yarn_beta_{end}", float, 0.0) for end in ("fast", "slow"))
        original = get("rope.scaling.original_context_length", int, get("context_length"))
        return YarnScaling(factor, original, fast or 32.0, slow or 1.0)
    return LinearScaling(factor) if factor != 1 else None


def check_fields(file, config):
    """Raise ValueError that lists every setting of the architecture that this model does not have.

    All of them say how something is computed, so one that is not known is refused.
    """
    must_be = {
        "vocab_size": config.vocab_size,
        "rope.dimension_count": config.head_dim,
        "rope.scaling.attn_factor": 1.0,
        "rope.scaling.yarn_attn_factor": 1.0,
        "rope.scaling.yarn_ext_factor": 1.0,
        "attention.value_length": config.head_dim,
        "attention.causal": True,
        "expert_count": 0,
        "expert_used_count": 0,
    }
    wrong, prefix = [], f"{config.model_type}."
    for full, value in file.fields.items():
        name = full.removeprefix(prefix)
        if name == full or name in READ or name == "rope.scaling.finetuned":  # how it was made
            continue
        if name not in must_be or np.asarray(value).tolist() != must_be[name]:
            wrong.append(f"{full} {value!r}")
    if wrong:
        raise ValueError(f"{file.path}: not a model that this library computes: {'; '.join(wrong)}")


def ours(name):
    """Our name of a GGUF tensor; one that is not known stays as it is."""
    back = {theirs: mine for mine, theirs in IN_GGUF.items()}
    match name.split("."):
        case ["blk", i, part, ("weight" | "bias") as what] if part in back:
            return f"layers.{i}.{back[part]}.{what}"
        case [part, "weight"] if part in back:
            return f"{back[part]}.weight"
    return name
