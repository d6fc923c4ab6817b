"""The floor: the matrix products that a LoRA step on c_attn cannot avoid, and nothing else.

Every product of forward and backward in its own shape and layout, on the same shards and threads
as the step, written into arrays made beforehand, one for each shape. What a step takes beyond this
is all that is no matrix product: norms, softmax, GELU, adding, copying, the optimizer, Python.
"""

import os

import numpy as np
from common import serve, sizes

from lora_np.system.process import blas, pool
from lora_np.train.step import shard_count

THREADS, RANK = int(os.environ["LORA_NP_THREADS"]), 8


def products(config, B, T):
    """[(left, right, out)] of a whole step on B sequences of T tokens."""
    d, L, V, H = (config[name] for name in ("n_embd", "n_layer", "vocab_size", "n_head"))
    N, hd = B * T, d // H
    rng = np.random.default_rng(0)

    def array(*shape):
        return rng.standard_normal(shape, np.float32)

    x, y, inner = array(N, d), array(N, 3 * d), array(N, 4 * d)
    u, A, U = array(N, RANK), array(d, RANK), array(RANK, 3 * d)
    q, k, v, dout = (array(B, T, H, hd).transpose(0, 2, 1, 3) for _ in range(4))
    p = array(B, H, T, T)
    logits, W_head = array(N, V), array(V, d)
    W_attn, W_proj, W_fc, W_out = array(d, 3 * d), array(d, d), array(d, 4 * d), array(4 * d, d)
    forward = [
        (x, W_attn, y),
        (x, A, u),
        (u, U, y),  # LoRA beside c_attn
        (q, k.swapaxes(-1, -2), p),
        (p, v, dout),
        (x, W_proj, x),  # attention
        (x, W_fc, inner),
        (inner, W_out, x),  # the MLP
    ]
    backward = [
        (x, W_out.T, inner),
        (inner, W_fc.T, x),
        (x, W_proj.T, x),
        (dout, v.swapaxes(-1, -2), p),
        (p, k, q),  # dp, dq
        (p.swapaxes(-1, -2), q, k),
        (p.swapaxes(-1, -2), dout, v),  # dk, dv
        (y, U.T, u),
        (u.T, y, U),
        (x.T, u, A),  # du, dB, dA
    ]
    into_x = [(y, W_attn.T, x), (u, A.T, x)]  # not in the lowest layer: nothing below it learns
    head = [(x, W_head.T, logits), (logits, W_head, x)]
    outs = {}
    return [
        (left, right, outs.setdefault((out.shape, out.strides), np.empty_like(out)))
        for left, right, out in (forward + backward) * L + into_x * (L - 1) + head
    ]


def build(kind, shape):
    config, T, B = sizes(shape)
    shards = shard_count(B, T, config["n_embd"])
    work = [products(config, B // shards, T) for _ in range(shards)]

    def multiply(shard):
        for left, right, out in shard:
            np.matmul(left, right, out=out)

    def step():
        with blas().limit(limits=1, user_api="blas"):
            list(pool(THREADS).map(multiply, work))
        return 1

    return dict, step


serve(build, np.matmul)
