"""Small GPTs, and wrappers that stand at a GPT's two open places: its embeddings and its past."""

from dataclasses import replace

import numpy as np

from lora_np.methods import (
    IA3,
    BitFit,
    BottleneckAdapters,
    FullFineTuning,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
)
from lora_np.nn import GPT, GPTConfig, Llama, Parameter, Wrapper

CONFIG = GPTConfig(vocab_size=7, n_positions=8, n_embd=6, n_layer=2, n_head=2, n_inner=10)
DROPOUT = replace(CONFIG, embd_pdrop=0.2, attn_pdrop=0.3, resid_pdrop=0.1)


def moved(model, seed=1, spread=0.3):
    """Move what trains away from its start: no zero biases, no B = 0, no LayerNorm of ones."""
    rng = np.random.default_rng(seed)
    for parameter in model.trainable_parameters():
        shift = spread * rng.standard_normal(parameter.shape)
        parameter.data += shift.astype(parameter.dtype)
    return model


def small_gpt(config=CONFIG, dtype=np.float64, seed=0):
    """A GPT, or what the config is of, away from its start."""
    kind = GPT if isinstance(config, GPTConfig) else Llama
    return moved(kind(config, np.random.default_rng(seed), dtype))


def some_tokens(B=3, T=5, vocab=CONFIG.vocab_size, seed=2):
    return np.random.default_rng(seed).integers(0, vocab, (B, T))


def some_past(B=3, P=2, config=CONFIG, dtype=np.float64, seed=3):
    rng = np.random.default_rng(seed)
    shape = (B, config.n_head, P, config.n_embd // config.n_head)
    return [
        (rng.standard_normal(shape).astype(dtype), rng.standard_normal(shape).astype(dtype))
        for _ in range(config.n_layer)
    ]


def lora_and_biases(model, rng):
    """LoRA, then every bias too, by hand."""
    view = LoRA(2, 3.0, targets=("c_attn", "mlp.c_proj")).apply(model, rng)
    for name, parameter in view.named_parameters():
        if name.endswith("bias"):
            parameter.train()
    return view


def top_block_only(model, rng):
    view = model.view().freeze()
    for parameter in view.h[-1].parameters():
        parameter.train()
    return view


def lower_norm_only(model, rng):
    view = model.view().freeze()
    view.h[0].ln_2.weight.train()
    return view


def positions_only(model, rng):
    view = model.view().freeze()
    view.wpe.weight.train()
    return view


def final_norm_only(model, rng):
    view = model.view().freeze()
    view.ln_f.bias.train()
    return view


WAYS = {  # every way of choosing what moves, alone and composed: (model, rng) -> view
    "full": FullFineTuning().apply,
    "head": HeadTuning().apply,
    "three classes": HeadTuning(3).apply,
    "LoRA": LoRA(2, 3.0).apply,
    "LoRA everywhere": LoRA(2, 3.0, targets="all-linear").apply,
    "LoRA with dropout": LoRA(2, 3.0, dropout=0.4).apply,
    "LoRA, then a head": lambda m, rng: HeadTuning(3).apply(LoRA(2, 3.0).apply(m, rng), rng),
    "a head, then LoRA": lambda m, rng: LoRA(2, 3.0).apply(HeadTuning(3).apply(m, rng), rng),
    "LoRA and biases": lora_and_biases,
    "Houlsby adapters": BottleneckAdapters(3).apply,
    "Pfeiffer adapters": BottleneckAdapters(3, "pfeiffer").apply,
    "adapters, then biases": lambda m, rng: BitFit().apply(BottleneckAdapters(3).apply(m, rng)),
    "IA3": IA3().apply,
    "biases": BitFit().apply,
    "prefix": PrefixTuning(2).apply,
    "prefix from an MLP": PrefixTuning(2, mlp_width=3).apply,
    "prompt": PromptTuning(2).apply,
    "top block": top_block_only,
    "one norm below": lower_norm_only,
    "positions": positions_only,
    "final norm": final_norm_only,
}


class LearnedPast(Wrapper):
    """A model behind learned keys and values for each layer, the same for every sequence."""

    def __init__(self, base, P, rng):
        self.base, shape = base, (base.config.n_kv_head, P, base.config.head_dim)
        self.k, self.v = (
            Parameter(np.stack([rng.standard_normal(shape) for _ in base.h])) for _ in "kv"
        )

    def forward(self, tokens, *, rng=None):
        def repeat(x):
            return np.broadcast_to(x, (len(tokens), *x.shape))

        past = [(repeat(k), repeat(v)) for k, v in zip(self.k.data, self.v.data)]
        return self.base.forward(tokens, rng=rng, past=past)

    def backward(self, dlogits, cache):
        dpast = self.base.backward(dlogits, cache)
        self.k.accumulate(np.stack([dk.sum(axis=0) for dk, _ in dpast]))
        self.v.accumulate(np.stack([dv.sum(axis=0) for _, dv in dpast]))


class LearnedPrompt(Wrapper):
    """A model behind learned rows at its embeddings; their logits are cut off."""

    def __init__(self, base, P, rng):
        self.base = base
        self.prompt = Parameter(rng.standard_normal((P, base.config.n_embd)))

    def forward(self, tokens, *, rng=None):
        P = len(self.prompt.data)
        x, embed_cache = self.base.embed(tokens, rng=rng, position=P)
        prompt = np.broadcast_to(self.prompt.data, (len(x), *self.prompt.shape))
        x, cache = self.base.transform(np.concatenate([prompt, x], axis=1), rng=rng)
        logits, head_cache = self.base.lm_head.forward(x[:, P:])
        return logits, (embed_cache, cache, head_cache)

    def backward(self, dlogits, cache):
        embed_cache, cache, head_cache = cache
        P = len(self.prompt.data)
        dx = self.base.lm_head.backward(dlogits, head_cache)
        padded = np.pad(dx, ((0, 0), (P, 0), (0, 0)))
        dx, _ = self.base.transform_backward(padded, cache)
        self.prompt.accumulate(dx[:, :P].sum(axis=0))
        self.base.embed_backward(dx[:, P:], embed_cache)
