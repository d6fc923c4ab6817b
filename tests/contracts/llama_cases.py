"""The methods of method_cases.py on a Llama: the same laws, its own names and numbers."""

from contracts import shape_cases
from contracts.cases import MethodCase
from contracts.method_cases import head_count, prompt_count
from lora_np.methods import (
    IA3,
    BottleneckAdapters,
    DoRA,
    FullFineTuning,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    QLoRA,
    TinyLoRA,
)

ATTENTION, EVERYWHERE = ("q_proj", "v_proj"), "all-linear"


def sizes(c):
    """d, L, and the widths of queries, of keys or values, and of the MLP."""
    hd = c.head_dim
    return (
        c.hidden_size,
        c.num_hidden_layers,
        c.num_attention_heads * hd,
        c.num_key_value_heads * hd,
        c.intermediate_size,
    )


def full_count(c):
    d, L, q, kv, inner = sizes(c)
    return c.vocab_size * d + L * (2 * d * q + 2 * d * kv + 3 * d * inner + 2 * d) + d


def lora_count(c, r=2):
    d, L, q, kv, _ = sizes(c)
    return L * r * ((d + q) + (d + kv))


def everywhere_count(c, r=2):
    d, L, q, kv, inner = sizes(c)
    return L * r * (2 * (d + q) + 2 * (d + kv) + 3 * (d + inner))


def dora_count(c):
    d, L, q, kv, inner = sizes(c)
    return everywhere_count(c) + L * (q + 2 * kv + d + 2 * inner + d)


def ia3_count(c):
    _, L, _, kv, inner = sizes(c)
    return L * (2 * kv + inner)


def adapter_count(c, width=3):
    d, L, *_ = sizes(c)
    return 2 * L * (2 * d * width + width + d)


def prefix_count(c, P=2):
    _, L, _, kv, _ = sizes(c)
    return P * 2 * L * kv


def alone(name, method, count, identity=True, exact=True):
    return MethodCase(name, lambda config: (method,), count, identity, exact)


CASES = [
    alone("full", FullFineTuning(), full_count),
    alone("head", HeadTuning(), head_count),
    alone("LoRA", LoRA(2, 3.0, ATTENTION), lora_count),
    alone("LoRA everywhere", LoRA(2, 3.0, EVERYWHERE), everywhere_count),
    alone("QLoRA", QLoRA(2, 3.0, EVERYWHERE), everywhere_count, identity=False),
    alone("DoRA", DoRA(2, 3.0, EVERYWHERE), dora_count, exact=False),
    alone("TinyLoRA", TinyLoRA(3), lambda c: 3),
    alone("adapters", BottleneckAdapters(3), adapter_count),
    alone("IA3", IA3(("k_proj", "v_proj"), ("down_proj",)), ia3_count),
    alone("prefix", PrefixTuning(2), prefix_count, identity=False),
    alone("prefix of tokens", PrefixTuning(2, init=(1, 0)), prefix_count, identity=False),
    alone("prompt", PromptTuning(2), prompt_count, identity=False),
    MethodCase(
        "LoRA, then classes, then a prompt",
        lambda config: (LoRA(2, 3.0, ATTENTION), HeadTuning(3), PromptTuning(2)),
        lambda c: lora_count(c) + 3 * c.hidden_size + prompt_count(c),
        identity=False,
    ),
    *shape_cases.CASES,
]
