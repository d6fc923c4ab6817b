"""QLoRA in one file: a small GPT, frozen in four bits, learns to write Python. NumPy, no more.

    python -m lora_np.nano        or, with a model.safetensors beside it:        python nano.py

Each forward stands above its backward. dx is the loss's gradient by x, as many numbers as x; a line
that "undoes y = xW" goes from dy back to dx. A token is a byte of text. Shapes: B windows of T
tokens, d numbers for each (V scores at the end), H heads of hd = d/H. W is (in, out), as in y = xW.
"""

import json
import math
import zipfile
from pathlib import Path
from statistics import NormalDist

import numpy as np

RANK, ALPHA = 8, 16  # r and α: what A and B add is scaled by s = α/r
BLOCK = 64  # numbers that share an absmax in NF4; it divides the inputs of each layer
BATCH, LENGTH = 8, 128  # B and T
STEPS, RATE, DECAY = 200, 1e-2, 0.01  # of AdamW, whose rate falls to 0 in a straight line
HEADS = 4  # H: the only size that no shape in the file tells
END = 256  # the token before each document; 0 … 255 are bytes


# 1. A file of numbers. Eight bytes say how long its header is, and the header what comes then.
def read_safetensors(path):
    raw, tensors = path.read_bytes(), {}
    start = 8 + int.from_bytes(raw[:8], "little")
    for name, entry in json.loads(raw[8:start]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            dtype = {"F16": "<f2", "F32": "<f4"}[entry["dtype"]]
            numbers = np.frombuffer(raw[start + first : start + last], dtype).astype(np.float32)
            tensors[name.removeprefix("transformer.")] = numbers.reshape(entry["shape"])
    return tensors  # {name: array}


# 2. Four bits. Weights are about normally distributed, so NF4's 16 numbers are normal quantiles.
OFFSET = float(np.float32(0.9677083))  # the outermost probability: ½(29/30 + 31/32)
NUMBERS = [0.0]
for n, side in (7, -1), (8, 1):  # zero takes one of the 16: seven are left below, eight above
    p = np.linspace(OFFSET, 0.5, n + 1).astype(np.float32)[:-1]  # even steps; one half is zero's
    NUMBERS += [side * NormalDist().inv_cdf(each) for each in p.tolist()]
CODEBOOK = np.sort(np.array(NUMBERS, np.float32)) / np.float32(max(NUMBERS))  # (16,): -1 … 1
MIDPOINTS = (CODEBOOK[:-1] + CODEBOOK[1:]) / 2  # (15,): where the nearest of them changes


def quantize_nf4(array, block_size=64):
    blocks = array.astype(np.float32).reshape(-1, block_size)
    absmax = np.abs(blocks).max(-1, keepdims=True)  # (blocks, 1); the paper rounds these too
    scaled = blocks * (1 / np.maximum(absmax, 1e-38))  # from -1 to 1; a block of zeros stays 0
    codes = np.searchsorted(MIDPOINTS, scaled.ravel()).astype(np.uint8)  # the nearest: 0 … 15
    return codes[0::2] << 4 | codes[1::2], absmax, array.shape  # two codes a byte


def dequantize_nf4(packed, absmax, shape):
    codes = np.stack([packed >> 4, packed & 15], axis=-1)  # two codes out of a byte
    return (CODEBOOK[codes].reshape(len(absmax), -1) * absmax).reshape(shape)  # times its absmax


# 3. The layer that learns. This is QLoRA: W rests in four bits, and A and B learn beside it.
class QLoRALinear:  # y = xŴ + b + s·(xA)B, Ŵ being W in NF4
    def __init__(self, W, b, rng):
        self.nf4 = quantize_nf4(W.T, BLOCK)  # Wᵀ: a block is of one output's inputs
        self.b, self.scale = b, ALPHA / RANK  # (out,), s
        self.A = (rng.uniform(-1, 1, (len(W), RANK)) / math.sqrt(len(W))).astype(W.dtype)  # (in, r)
        self.B = np.zeros((RANK, len(b)), W.dtype)  # (r, out); so at first nothing is added
        self.dA, self.dB = np.zeros_like(self.A), np.zeros_like(self.B)

    def forward(self, x):
        W = dequantize_nf4(*self.nf4).T  # (in, out): for the next lines, and then gone again
        u = x @ self.A  # (B, T, r)
        y = x @ W + self.b + self.scale * u @ self.B  # (B, T, out)
        return y, (x, u)

    def backward(self, dy, cache):
        x, u = (each.reshape(-1, each.shape[-1]) for each in cache)  # (B·T, in), (B·T, r)
        dy = dy.reshape(-1, dy.shape[-1])  # (B·T, out): each token is a row
        W = dequantize_nf4(*self.nf4).T
        du = self.scale * dy @ self.B.T  # undoes s·uB: du = s·dy Bᵀ  (B·T, r)
        self.dB += self.scale * u.T @ dy  # undoes s·uB: dB = s·uᵀ dy  (r, out)
        self.dA += x.T @ du  # undoes u = xA: dA = xᵀ du  (in, r)
        dx = dy @ W.T + du @ self.A.T  # undoes xŴ and xA: x went into both  (B·T, in)
        return dx.reshape(*cache[0].shape)  # (B, T, in)


# 4. The GPT around it, in float32. Beside its QLoRALinears nothing learns: dx is handed on.
class LayerNorm:  # y = x̂·g + b, x̂ = (x - mean) / std, of each token's d numbers
    def __init__(self, g, b):
        self.g, self.b = g, b  # (d,), (d,)

    def forward(self, x):
        x = x - x.mean(-1, keepdims=True)
        std = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)  # (B, T, 1)
        xhat = x / std
        return xhat * self.g + self.b, (xhat, std)

    def backward(self, dy, cache):
        xhat, std = cache
        dx = dy * self.g  # undoes x̂·g + b: this is dx̂
        dx = (dx - xhat * (dx * xhat).mean(-1, keepdims=True)) / std  # undoes x/std: x is in both
        return dx - dx.mean(-1, keepdims=True)  # undoes x - mean: x is in the mean too


class GELU:  # a = z·h; h rises from 0, for z far below 0, to 1 (tanh's approximation)
    def forward(self, z):
        h = 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z * z * z)))
        return z * h, (z, h)

    def backward(self, da, cache):
        z, h = cache
        slope = 2 * h * (1 - h) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z * z)  # dh/dz
        return da * (h + z * slope)  # undoes z·h: z stands in both


class Attention:  # a token's q is held against the k of those up to it; what fits, adds its v
    def forward(self, qkv):
        B, T, _ = qkv.shape
        q, k, v = qkv.reshape(B, T, 3, HEADS, -1).transpose(2, 0, 3, 1, 4)  # each (B, H, T, hd)
        scores = q @ k.swapaxes(2, 3) / math.sqrt(q.shape[3])  # (B, H, T, T)
        p = softmax(scores + np.triu(np.full((T, T), -np.inf, q.dtype), 1))  # a later token gets 0
        return (p @ v).swapaxes(1, 2).reshape(B, T, -1), (q, k, v, p)  # (B, T, d): heads in a row

    def backward(self, dout, cache):
        q, k, v, p = cache
        B, H, T, hd = q.shape
        dout = dout.reshape(B, T, H, hd).swapaxes(1, 2)  # undoes swapaxes and reshape
        dv = p.swapaxes(2, 3) @ dout  # undoes p @ v
        dp = dout @ v.swapaxes(2, 3)  # undoes p @ v
        dscores = p * (dp - (dp * p).sum(-1, keepdims=True))  # undoes softmax: the p's share 1
        dq = dscores @ k / math.sqrt(hd)  # undoes q @ kᵀ / √hd
        dk = dscores.swapaxes(2, 3) @ q / math.sqrt(hd)  # undoes q @ kᵀ / √hd
        return np.stack([dq, dk, dv]).transpose(1, 3, 0, 2, 4).reshape(B, T, -1)  # undoes q, k, v


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class GPT:  # x = wte[tokens] + wpe; for each branch x = x + branch(x); logits = ln_f(x) wteᵀ
    def __init__(self, tensors, rng):
        def both(name):
            return tensors[name + ".weight"], tensors[name + ".bias"]

        self.wte, self.wpe = tensors["wte.weight"], tensors["wpe.weight"]  # (V, d), (places, d)
        self.branches, self.ln_f = [], LayerNorm(*both("ln_f"))
        for block in range(sum(".ln_1.weight" in name for name in tensors)):  # transformer blocks
            for norm, first, middle, last in (
                ("ln_1", "attn.c_attn", Attention, "attn.c_proj"),  # d -> 3d -> d -> d numbers
                ("ln_2", "mlp.c_fc", GELU, "mlp.c_proj"),  # d -> 4d -> 4d -> d
            ):  # the two names become layers
                first, last = (QLoRALinear(*both(f"h.{block}.{n}"), rng) for n in (first, last))
                self.branches.append([LayerNorm(*both(f"h.{block}.{norm}")), first, middle(), last])
        self.linears = [branch[i] for branch in self.branches for i in (1, 3)]  # these learn

    def forward(self, tokens):
        x, caches = self.wte[tokens] + self.wpe[: tokens.shape[1]], []  # (B, T, d)
        for branch in self.branches:
            y = x
            for part in branch:
                y, cache = part.forward(y)
                caches.append(cache)
            x = x + y
        x, cache = self.ln_f.forward(x)
        return x @ self.wte.T, [*caches, cache]  # (B, T, V)

    def backward(self, dlogits, caches):
        dx = self.ln_f.backward(dlogits @ self.wte, caches.pop())  # undoes x wteᵀ, then ln_f
        for branch in reversed(self.branches):
            dy = dx
            for part in reversed(branch):
                dy = part.backward(dy, caches.pop())  # undoes y = part(y), the last one first
            dx = dx + dy  # undoes x + y: x went past the branch, and through it


# 5. What teaches: how surprising the token was that came next, in nats.
def cross_entropy(logits, targets):  # the mean of -log p[target], p = softmax(logits)
    p, at = softmax(logits), (*np.indices(targets.shape), targets)  # at: each target's place in p
    loss = -np.log(p[at]).mean()  # p[at] is each target's share  (B, T)
    p[at] -= 1  # undoes -log softmax: dlogits = p - onehot(target)
    return loss, p / targets.size  # undoes the mean  (B, T, V)


# 6. What steps: each number, by its mean gradient over the root of its mean square: all move alike.
class AdamW:
    def __init__(self, layers):
        learns = [pair for n in layers for pair in ((n.A, n.dA), (n.B, n.dB))]
        self.t, self.learns = 0, [(w, dw, 0 * w, 0 * w) for w, dw in learns]  # w, dw, m, v

    def step(self, rate):
        self.t += 1
        for w, dw, m, v in self.learns:
            m += (1 - 0.9) * (dw - m)  # a running mean of dw
            v += (1 - 0.999) * (dw * dw - v)  # and of dw²; 1 - βᵗ makes up for their start at 0
            w *= 1 - rate * DECAY  # the W: decay, apart from the gradient
            w -= rate * (m / (1 - 0.9**self.t)) / (np.sqrt(v / (1 - 0.999**self.t)) + 1e-8)
            dw[...] = 0  # or the next batch's would be added


# 7. What it reads: code of Python's own library; some files, meant to be one in ten, are held out.
def read_python():
    learnt, held_out = [], []
    home = Path(json.__file__).parents[1]  # of Python's library
    home = home if home.is_dir() else zipfile.Path(home)  # in a browser it is one file
    for path in sorted(home.glob("*.py"), key=str):
        side = held_out if sum(path.name.encode()) % 10 == 0 else learnt  # the name alone decides
        side += [[END], np.frombuffer(path.read_bytes(), np.uint8)]
    return np.concatenate(learnt), np.concatenate(held_out)  # each one long row of tokens


def windows(text, starts):
    tokens = text[starts[:, None] + np.arange(LENGTH + 1)]
    return tokens[:, :-1], tokens[:, 1:]  # (B, T) both: tokens, and for each what came next


def held_out_loss(model, text):
    starts = np.linspace(0, len(text) - LENGTH - 1, 8 * BATCH).astype(int).reshape(8, BATCH)
    batches = [windows(text, each) for each in starts]
    return np.mean([cross_entropy(model.forward(x)[0], y)[0] for x, y in batches])


def write(model, prompt, n, rng):
    tokens = list(prompt.encode())
    for _ in range(n):
        logits, _ = model.forward(np.array([tokens[-LENGTH:]]))  # reads it all again (1, T, V)
        tokens.append(rng.choice(END + 1, p=softmax(logits[0, -1] / 0.7)))  # 0.7: fewer odd ones
    return bytes(token for token in tokens if token < END).decode("ascii", "backslashreplace")


# 8. The loop.
def train(model, text, held_out, rng):
    optimizer = AdamW(model.linears)
    for step in range(STEPS + 1):  # the last is only looked at: its rate is 0
        if step in (0, STEPS // 2, STEPS):
            sample = write(model, "def ", 150, np.random.default_rng(0))
            print(f"step {step}, held-out loss {held_out_loss(model, held_out):.3f}\n{sample}\n")
        tokens, targets = windows(text, rng.integers(0, len(text) - LENGTH, BATCH))
        logits, caches = model.forward(tokens)
        loss, dlogits = cross_entropy(logits, targets)
        model.backward(dlogits, caches)
        optimizer.step(RATE * (1 - step / STEPS))


if __name__ == "__main__":
    here, rng = Path(__file__).parent, np.random.default_rng(0)
    beside, packaged = here / "model.safetensors", here / "data" / "base" / "model.safetensors"
    model = GPT(read_safetensors(beside if beside.exists() else packaged), rng)
    train(model, *read_python(), rng)
