"""The lora_np side: LoRA, QLoRA and full fine-tuning steps, generation, NF4."""

import os
import zlib

import numpy as np
from common import draw_tokens, factors, fill, matrix, serve, sizes, summary

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
    quantize_nf4,
)
from lora_np.train.step import forward_backward

THREADS = int(os.environ["LORA_NP_THREADS"])


def build(kind, shape):
    if kind.startswith("nf4"):
        return rounder(kind, matrix(shape))
    kind = kind.removesuffix("-compiled")
    config, T, B = sizes(shape)
    model = GPT(GPTConfig(**config), None)
    fill({name: parameter.data for name, parameter in model.named_parameters()})
    if kind.startswith("generate"):
        return writer(model, draw_tokens(1, 8))
    method = {"lora": LoRA(8, 16.0), "qlora": QLoRA(8, 16.0), "full": FullFineTuning()}[kind]
    model = method.apply(model, np.random.default_rng(0))
    if kind != "full":
        for block, (A, B_) in zip(model.h, factors(config)):
            block.attn.c_attn.A.data[...], block.attn.c_attn.B.data[...] = A, B_
    batch = next_token(draw_tokens(B, T + 1))
    optimizer = AdamW(model.trainable_parameters(), lr=1e-4)

    def gradients(threads):
        """The loss, and each gradient's sum of bits and summary; the gradients are dropped."""
        loss = forward_backward(model, batch, cross_entropy, threads=threads)
        learnt = {name: p.grad for name, p in model.named_parameters() if p.trainable}
        bits = [loss, *(zlib.crc32(grad.tobytes()) for grad in learnt.values())]
        learnt = {name: summary(grad) for name, grad in learnt.items()}
        for parameter in model.parameters():
            parameter.grad = None
        return loss, learnt, bits

    def check():
        loss, learnt, bits = gradients(THREADS)
        return {"loss": loss, "gradients": learnt, "same_bits": bits == gradients(1)[2]}

    def step():
        forward_backward(model, batch, cross_entropy, threads=THREADS)
        optimizer.step()
        return 1

    return check, step


def writer(model, prompt, n=64):
    """A prompt of 8 tokens, and n greedy ones after it."""

    def write():
        return generate(model, prompt, n, stop=())[:, prompt.shape[1] :]

    return lambda: {"tokens": write().tolist()}, lambda: write().shape[1]


def rounder(kind, weight):
    quantized = quantize_nf4(weight)

    def check():
        return {"bits": [zlib.crc32(quantized.codes), zlib.crc32(quantized.dequantize())]}

    def step():
        quantize_nf4(weight) if kind == "nf4-quantize" else quantized.dequantize()
        return 1

    return check, step


serve(build, np.matmul)
