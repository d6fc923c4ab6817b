"""A Llama's settings and tensors in a GGUF file.

GGUF has its own names, and the rows of q and k in another order: it turns neighbours (x₀, x₁),
Hugging Face and this library turn halves (x₀, x_hd/2).
"""

import numpy as np

from ..nn.llama import LlamaConfig
from .gguf import open_gguf
from .hf_directory import make_config

IN_GGUF = {  # our name of a part, in a block or beside them: GGUF's
    "embed_tokens": "token_embd",
    "norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
READ = """context_length embedding_length feed_forward_length block_count attention.head_count
    attention.head_count_kv attention.key_length attention.layer_norm_rms_epsilon
    rope.freq_base""".split()  # settings of a GGUF that make the config


def read_gguf(path):
    """(the config, {our name: tensor to read}, how to put a tensor's rows in our order).

    Raises: ImportError without the extra `llm`; ValueError for another architecture, or settings
    that this model does not have.
    """
    file = open_gguf(path)
    architecture = file.get("general.architecture", str)
    if architecture != "llama":
        raise ValueError(f"{path}: expected the architecture llama, got {architecture!r}")

    def get(name, kind=int, default=None):
        return file.get(f"llama.{name}", kind, default)

    table = file.tensors.get("token_embd.weight")
    if table is None:
        raise ValueError(f"{path}: no tensor token_embd.weight, the embeddings")
    d, heads = get("embedding_length"), get("attention.head_count")
    config = make_config(
        LlamaConfig,
        path,
        vocab_size=table.shape[0],
        hidden_size=d,
        intermediate_size=get("feed_forward_length"),
        num_hidden_layers=get("block_count"),
        num_attention_heads=heads,
        num_key_value_heads=get("attention.head_count_kv", default=heads),
        head_dim=get("attention.key_length", default=d // max(heads, 1)),
        max_position_embeddings=get("context_length"),
        # The file has it in float32: 1e-5 is there 9.99999975e-06. Seven digits are what was meant.
        rms_norm_eps=float(f"{get('attention.layer_norm_rms_epsilon', float):.7g}"),
        rope_theta=get("rope.freq_base", float, 10000.0),
    )
    check_fields(file, config)
    stored = {ours(name): tensor for name, tensor in file.tensors.items()}

    def in_halves(name, array):
        """Rows 2i and 2i + 1 of each head of q and k are a pair; put them at i and i + hd/2."""
        if not name.endswith(("q_proj.weight", "k_proj.weight")):
            return array
        rows, half = array.shape[0], config.head_dim // 2
        return array.reshape(-1, half, 2, d).swapaxes(1, 2).reshape(rows, d)

    return config, stored, in_halves


def check_fields(file, config):
    """Raise ValueError that lists every setting of the architecture that this model does not have.

    All of them say how something is computed, so one that is not known is refused.
    """
    must_be = {
        "vocab_size": config.vocab_size,
        "rope.dimension_count": config.head_dim,
        "rope.scaling.type": "none",
        "attention.value_length": config.head_dim,
        "attention.causal": True,
        "expert_count": 0,
        "expert_used_count": 0,
    }
    wrong = []
    for full, value in file.fields.items():
        name = full.removeprefix("llama.")
        if name == full or name in READ:
            continue
        if name not in must_be or np.asarray(value).tolist() != must_be[name]:
            wrong.append(f"{full} {value!r}")
    if wrong:
        raise ValueError(f"{file.path}: not a model that this library computes: {'; '.join(wrong)}")


def ours(name):
    """Our name of a GGUF tensor; one that is not known stays as it is."""
    back = {theirs: mine for mine, theirs in IN_GGUF.items()}
    match name.split("."):
        case ["blk", i, part, "weight"] if part in back:
            return f"layers.{i}.{back[part]}.weight"
        case [part, "weight"] if part in back:
            return f"{back[part]}.weight"
    return name
