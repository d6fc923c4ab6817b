"""The lora_np side: LoRA, QLoRA and full fine-tuning steps, and generation."""

import os

import numpy as np
from common import serve, setting, summary

from lora_np import (
    GPT,
    AdamW,
    FullFineTuning,
    GPTConfig,
    LoRA,
    QLoRA,
    cross_entropy,
    generate,
    next_token,
)
from lora_np.parallel import forward_backward
from lora_np.train import reuse_memory

THREADS = int(os.environ["LORA_NP_THREADS"])


def build(kind, shape):
    reuse_memory()
    config, arrays, factors, tokens = setting(shape)
    rng = np.random.default_rng(0)
    model = GPT(GPTConfig(**config), rng)
    for name, parameter in model.named_parameters():
        parameter.data[...] = arrays[name]
    if kind.startswith("generate"):
        return writer(model, tokens[:1, :8])
    method = {"lora": LoRA(8, 16.0), "qlora": QLoRA(8, 16.0), "full": FullFineTuning()}[kind]
    model = method.apply(model, rng)
    if kind != "full":
        for block, (A, B) in zip(model.h, factors):
            block.attn.c_attn.A.data[...], block.attn.c_attn.B.data[...] = A, B
    batch = next_token(tokens)
    optimizer = AdamW(model.trainable_parameters(), lr=1e-4)

    def check():
        loss = forward_backward(model, batch, cross_entropy, threads=THREADS)
        learnt = {n: summary(p.grad) for n, p in model.named_parameters() if p.trainable}
        for parameter in model.parameters():
            parameter.grad = None
        return {"loss": loss, "gradients": learnt}

    def step():
        forward_backward(model, batch, cross_entropy, threads=THREADS)
        optimizer.step()
        return 1

    return check, step


def writer(model, prompt, n=64):
    def write():
        return generate(model, prompt, n)[:, prompt.shape[1] :]

    return lambda: {"tokens": write().tolist()}, lambda: write().shape[1]


serve(build)
