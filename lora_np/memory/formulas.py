"""What training should hold, by formula: to compare with `measured`, and for models of any size.

Assumed throughout, as in the library: float32 (4 bytes), AdamW with two moments. So a number that
learns costs 4 + 4 + 8 = 16 bytes, a frozen one 4, one in NF4 4.5 bits. Bytes; 1 GB = 10⁹ bytes.
"""

from dataclasses import dataclass

from ..nn.attention import LONG
from ..nn.functional import PIECE
from ..nn.long_attention import KEYS

FLOAT = 4  # bytes of a float32
LEAST = 4096  # numbers of a parameter whose moments AdamW8bit holds in 8 bits
NF4 = (4 + 32 / 64) / 8  # bytes a weight: 4 bits, and a float32 scale for each block of 64


@dataclass(frozen=True)
class Shape:
    """A model's sizes."""

    linears: tuple  # (name, in, out, how many) of the blocks' weight matrices
    others: int  # numbers in embeddings, norms, biases, a head of its own

    @property
    def weights(self):
        return sum(n_in * n_out * count for _, n_in, n_out, count in self.linears) + self.others

    def lora(self, rank, targets=None):
        """r·(in + out) for each target, all matrices by default: how many numbers LoRA trains."""
        return sum(
            int(rank) * (n_in + n_out) * count
            for name, n_in, n_out, count in self.linears
            if targets is None or name in targets
        )


def gpt2_shape(d, layers, vocabulary, positions, inner=None):
    """GPT-2's: fused q, k, v; a bias for each linear layer; the head shares the embedding."""
    d, layers, vocabulary, positions = map(int, (d, layers, vocabulary, positions))
    inner = int(inner or 4 * d)
    linears = (
        ("c_attn", d, 3 * d, layers), ("attn.c_proj", d, d, layers),
        ("c_fc", d, inner, layers), ("mlp.c_proj", inner, d, layers),
    )  # fmt: skip
    biases_and_norms = layers * (3 * d + d + inner + d + 4 * d) + 2 * d
    return Shape(linears, (vocabulary + positions) * d + biases_and_norms)


def llama_shape(d, layers, vocabulary, inner, keys=None, tables=2):
    """LLaMA's: separate q, k, v and o, three matrices in the MLP, no biases, a head of its own.

    `keys` is the width of k and v where heads share them; `tables` 1 ties the head.
    """
    d, layers, vocabulary, inner = map(int, (d, layers, vocabulary, inner))
    linears = (
        *((name, d, d, layers) for name in ("q", "o")),
        *((name, d, int(keys or d), layers) for name in ("k", "v")),
        *((name, d, inner, layers) for name in ("gate", "up")),
        ("down", inner, d, layers),
    )
    return Shape(linears, tables * vocabulary * d + (2 * layers + 1) * d)


MODELS = {
    "gpt2": gpt2_shape(768, 12, 50257, 1024),
    "gpt3-175b": gpt2_shape(12288, 96, 50257, 2048),
    "smollm2": llama_shape(576, 30, 49152, 1536, keys=192, tables=1),
    "llama-65b": llama_shape(8192, 80, 32000, 22016),
}
GPT3_R4 = 2 * 96 * 4 * (12288 + 12288)  # LoRA r 4 beside Wq and Wv: the numbers in a checkpoint
# (model, what was published, its bytes, the numbers it counts, source). 1 GB = 10⁹ bytes.
PUBLISHED = [
    ("gpt3-175b", "full fine-tuning, 1.2 TB", 1.2e12, 175e9, "Hu et al. 2021, section 4.2"),
    ("gpt3-175b", "LoRA, 350 GB", 350e9, 175e9, "Hu et al. 2021, section 4.2"),
    ("gpt3-175b", "full checkpoint, 350 GB", 350e9, 175e9, "Hu et al. 2021, section 4.2"),
    ("gpt3-175b", "LoRA r 4 checkpoint, 35 MB", 35e6, GPT3_R4, "Hu et al. 2021, section 4.2"),
    ("llama-65b", "full fine-tuning, over 780 GB", 780e9, 65e9, "Dettmers et al. 2023, section 1"),
    ("llama-65b", "QLoRA, under 48 GB", 48e9, 65e9, "Dettmers et al. 2023, section 1"),
]


def state(shape, trained, added=0, quantized=False):
    """{"weights", "gradients", "moments"} in bytes, of `trained` numbers among all there are.

    `added` numbers stand beside the model's own (LoRA's factors); `quantized` holds the linear
    layers' weights in NF4.
    """
    in_linears = shape.weights - shape.others
    weights = in_linears * (NF4 if quantized else FLOAT) + (shape.others + added) * FLOAT
    return {"weights": weights, "gradients": FLOAT * trained, "moments": 2 * FLOAT * trained}


def moments_8bit(sizes):
    """Bytes of AdamW8bit's two moments of parameters of these sizes.

    From LEAST numbers on, 2·(n + 4·⌈n/256⌉), 2.03 a number; below, 8 a number as in AdamW.
    """
    return sum(2 * (n + FLOAT * -(-n // 256) if n >= LEAST else FLOAT * n) for n in sizes)


def table(shape, rank):
    """Rows of full fine-tuning, LoRA and QLoRA: numbers trained, and bytes."""
    lora = shape.lora(rank)
    rows = {
        "full fine-tuning": (shape.weights, state(shape, shape.weights)),
        f"LoRA r {rank}": (lora, state(shape, lora, lora)),
        f"QLoRA r {rank}": (lora, state(shape, lora, lora, quantized=True)),
    }
    return [
        {"name": name, "trained": trained, **held, "total": sum(held.values())}
        for name, (trained, held) in rows.items()
    ]


def activations(
    config, B, T, *, keeps=(), rank=0, body=True, reads_head=False, recompute=False
):  # fmt: skip
    """Bytes that a GPT's forward keeps for its backward, without dropout.

    For each token a block keeps x̂ and 1/std of two norms (2d + 2), q, k, v (3d), the attention's
    proportions (H·T; from LONG tokens on its output and a sum, d + H), the GELU's slope (inner).
    With `recompute` it keeps its input (d), and all that only in the last block. A linear layer
    keeps its input only where something learns from it: `keeps` names those, with `rank` numbers
    more each for LoRA's u = xA. The last norm keeps d + 1. `body` False is head tuning, which keeps
    none of this; where the head learns, `reads_head`, it keeps its input. The T positions, 8 bytes
    each, are kept too.
    """
    d, inner = config.n_embd, config.n_inner or 4 * config.n_embd
    widths = {"c_attn": d, "attn.c_proj": d, "c_fc": d, "mlp.c_proj": inner}
    attention = config.n_head * T if T < LONG else d + config.n_head
    block = 2 * d + 2 + 3 * d + attention + inner
    block += sum(widths[name] + rank for name in keeps)
    blocks = config.n_layer * d + block if recompute else config.n_layer * block
    token = (blocks + d + 1) * body + d * reads_head
    return FLOAT * B * T * token + 8 * T


def peak(config, B, T, held, *, largest, dense=0, recompute=False):
    """The most bytes that a GPT's training step holds: what is `held`, by kind, and what passes.

    Without dropout, the batch in one part. Weights and moments, and the most of:
    - in the loss: the activations; for each token logits, log p and p (3V).
    - in a block's backward: activations, gradients; for each token the logits and their gradient
      (2V), and in the MLP's the gradient of GELU's output, twice where LoRA adds to it (2·inner,
      and 2d for what came in), or in attention's that of the proportions (H·T, and 8d: of q, k,
      v, the output, and what came in; from LONG tokens on 2H·KEYS, and 10d).
    - at a layer in 4 bits: the same but for inner + 3d a token, and `dense` numbers dequantized.
    - in a block's GELU: activations, its output (inner, and 3d), two pieces that pass, 2·PIECE; and
      with `recompute`, where forward comes again within backward, the 2V: most in a small model.
    - in AdamW's step: the gradients, and two temporaries of its `largest` parameter.
    """
    d, inner, V = config.n_embd, config.n_inner or 4 * config.n_embd, config.vocab_size
    tokens = FLOAT * B * T
    attention = config.n_head * T + 8 * d if T < LONG else 2 * config.n_head * KEYS + 10 * d
    in_block = tokens * (2 * V + max(2 * inner + 2 * d, attention))
    at_layer = tokens * (2 * V + inner + 3 * d) + FLOAT * dense if dense else 0
    pieces = 2 * FLOAT * min(PIECE, B * T * inner)
    again = recompute and config.n_layer > 1  # the last block's are kept
    in_gelu = tokens * (inner + 3 * d + 2 * V * again) + pieces
    kept, gradients = held["activations"], held["gradients"]
    in_loss, in_step = kept + tokens * 3 * V, gradients + 2 * FLOAT * largest
    in_backward = kept + max(in_gelu, gradients + max(in_block, at_layer))
    return held["weights"] + held["moments"] + max(in_loss, in_backward, in_step)
