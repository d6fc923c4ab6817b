"""One entry for each way a method can be applied; the laws in method_laws.py hold for all.

`build(config)` gives the methods in the order in which they are applied, `count(config)` the
formula for the numbers that learn, and `identity` says whether the output is the base's at the
start (None: either). `exact` is False for DoRA alone, whose backward holds the norm constant: its
gradients are no derivatives (the layer contract checks them with that norm held). Every method in
METHODS is in the contract; an entry of its own adds its formula and its start.
"""

import numpy as np

from contracts import shape_cases
from contracts.cases import MethodCase
from helpers.methods import SMALL
from helpers.models import CONFIG, small_gpt
from lora_np.methods import (
    IA3,
    BitFit,
    BottleneckAdapters,
    DoRA,
    FullFineTuning,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    PTuning,
    QLoRA,
    TinyLoRA,
    TrainableTokens,
)

ATTENTION, EVERYWHERE = ("c_attn",), "all-linear"


def sizes(config):
    d = config.n_embd
    return d, config.n_layer, config.n_inner or 4 * d, config.vocab_size


def table(config):
    return config.vocab_size, config.n_embd


def full_count(config):
    d, L, inner, V = sizes(config)
    block = 4 * d * d + 2 * d * inner + (9 * d + inner)  # weights, then biases and norms
    return (V + config.n_positions) * d + L * block + 2 * d


def lora_count(config, r=2):
    d, L, _, _ = sizes(config)
    return L * r * (d + 3 * d)


def lora_everywhere_count(config, r=2):
    d, L, inner, _ = sizes(config)
    return L * r * ((d + 3 * d) + (d + d) + 2 * (d + inner))


def lora_tables_count(config, r=2):
    """Embedding and head, each (V, d); c_fc of rank 1, with a bias of its own."""
    d, L, inner, V = sizes(config)
    return r * (V + d) * 2 + L * (d + inner)


def dora_count(config):
    d, L, inner, _ = sizes(config)
    return lora_everywhere_count(config) + L * (3 * d + d + inner + d)


def adapter_count(config, width, a_block):
    d, L, _, _ = sizes(config)
    return L * a_block * (2 * d * width + width + d)


def bias_count(config):
    d, L, inner, _ = sizes(config)
    return L * (3 * d + d + inner + d + 2 * d) + d  # linear layers, ln_1 and ln_2; ln_f


def ia3_count(config):
    d, L, inner, _ = sizes(config)
    return L * (3 * d + inner)


def head_count(config):
    return config.vocab_size * config.n_embd


def prefix_count(config, P=2):
    return P * 2 * config.n_layer * config.n_embd


def prefix_mlp_count(config, P=2, width=3):
    d, n_out = config.n_embd, 2 * config.n_layer * config.n_embd
    return P * d + (d + 1) * width + (width + 1) * n_out


def prompt_count(config, P=2):
    return P * config.n_embd


def p_tuning_count(config, P=2, width=5):
    d = config.n_embd
    return P * d + (d + 1) * width + (width + 1) * width + (width + 1) * d


def learning(method):
    """In place of a formula: what learns, counted."""

    def count(config):
        model = method.apply(small_gpt(config), np.random.default_rng(0))
        return sum(p.size for p in model.trainable_parameters())

    return count


def alone(name, method, count, identity=True):
    return MethodCase(name, lambda config: (method,), count, identity)


SINGLE = [
    alone("full", FullFineTuning(), full_count),
    alone("head", HeadTuning(), head_count),
    alone("three classes", HeadTuning(3), lambda c: 3 * c.n_embd, identity=False),
    alone("LoRA", LoRA(2, 3.0), lora_count),
    alone("LoRA everywhere", LoRA(2, 3.0, EVERYWHERE), lora_everywhere_count),
    alone(
        "LoRA on tables",
        LoRA(2, 3.0, ("wte", "lm_head", "c_fc"), rank_pattern={"c_fc": 1}, rslora=True),
        lora_tables_count,
    ),
    alone(
        "LoRA on tied tables", LoRA(2, 3.0, ("lm_head",), tied=True), lambda c: 2 * sum(table(c))
    ),
    alone(
        "LoRA with biases",
        LoRA(2, 3.0, bias=True),
        lambda c: lora_count(c) + 3 * c.n_layer * c.n_embd,
    ),
    # The rows that learn are a product of their own, which a kernel may round otherwise.
    alone("tokens", TrainableTokens((2, 0)), lambda c: 2 * c.n_embd, identity=1e-15),
    alone(
        "tokens, others in the head",
        TrainableTokens((1,), (2, 0)),
        lambda c: 3 * c.n_embd,
        identity=1e-15,
    ),  # fmt: skip
    MethodCase(
        "new tokens",
        lambda c: (TrainableTokens((0, c.vocab_size if c else 1)),),
        lambda c: 2 * c.n_embd,
        identity=None,
    ),
    alone("QLoRA", QLoRA(2, 3.0, EVERYWHERE), lora_everywhere_count, identity=False),
    MethodCase("DoRA", lambda c: (DoRA(2, 3.0, EVERYWHERE),), dora_count, exact=False),
    alone("TinyLoRA", TinyLoRA(3), lambda c: 3),
    alone("TinyLoRA, each layer its own", TinyLoRA(3, shared=False), lambda c: 3 * 4 * c.n_layer),
    alone("Houlsby adapters", BottleneckAdapters(3), lambda c: adapter_count(c, 3, 2)),
    alone("Pfeiffer adapters", BottleneckAdapters(3, "pfeiffer"), lambda c: adapter_count(c, 3, 1)),
    alone("IA3", IA3(), ia3_count),
    alone("BitFit", BitFit(), bias_count),
    alone("prefix", PrefixTuning(2), prefix_count, identity=False),
    alone("prefix from an MLP", PrefixTuning(2, mlp_width=3), prefix_mlp_count, identity=False),
    alone("prefix of tokens", PrefixTuning(2, init=(1, 0)), prefix_count, identity=False),
    alone("prompt", PromptTuning(2), prompt_count, identity=False),
    alone("random prompt", PromptTuning(2, "random"), prompt_count, identity=False),
    alone("prompt of tokens", PromptTuning(2, (1, 0)), prompt_count, identity=False),
    MethodCase("P-tuning", lambda c: (PTuning(2, 5),), p_tuning_count, False, spread=0.5),
    *shape_cases.CASES,
]
SINGLE += [  # what has no entry of its own yet
    alone(method.name, method, learning(method), identity=None)
    for method in SMALL
    if not any(type(m) is type(method) for case in SINGLE for m in case.build(CONFIG))
]


def together(*names):
    """Methods that go together, applied one after the other: what they train adds up."""
    cases = [next(case for case in SINGLE if case.name == name) for name in names]
    return MethodCase(
        ", then ".join(names),
        lambda config: tuple(method for case in cases for method in case.build(config)),
        lambda config: sum(case.count(config) for case in cases),
        None if any(case.identity is None for case in cases) else all(c.identity for c in cases),
    )


COMPOSED = [
    together("LoRA", "head"),
    together("three classes", "LoRA"),
    together("Houlsby adapters", "BitFit"),
    together("BitFit", "LoRA everywhere"),
    together("LoRA with biases", "new tokens"),
    together("LoRA everywhere", "Houlsby adapters", "IA3"),
    together("IA3", "QLoRA"),
    together("TinyLoRA", "LoRA"),
    together("full", "prompt"),
    together("full", "prefix"),
    together("LoRA", "three classes", "prompt"),
    together("Pfeiffer adapters", "prefix"),
    together("prompt", "LoRA"),
    together("prefix", "Houlsby adapters"),
]
CASES = SINGLE + COMPOSED
