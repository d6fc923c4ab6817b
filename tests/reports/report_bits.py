"""Hashes of what training and saving give, by public names alone: the same before and after a
change that should change nothing.

    PYTHONPATH=. python tests/reports/report_bits.py > after.txt     in two checkouts; then compare

Bits belong to one machine, one NumPy and one kernel of OpenBLAS, so they are compared, not kept.
"""

import argparse
import functools
import hashlib
import pathlib
import tempfile

import numpy as np

from lora_np import (
    IA3,
    AdamW,
    BitFit,
    BottleneckAdapters,
    DoRA,
    FullFineTuning,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    QLoRA,
    cross_entropy,
    generate,
    next_token,
    quantize_nf4,
    save_adapter,
    save_gpt2,
)
from lora_np.checkpoint import load_base
from lora_np.train import held_out_loss, train, warmup_cosine

STEPS = 4
METHODS = [
    FullFineTuning(), HeadTuning(), LoRA(4, 12.0, "all-linear", 0.1), LoRA(4, 8.0, rslora=True),
    QLoRA(4, 8.0), DoRA(4, 8.0), BottleneckAdapters(8), PrefixTuning(3), PromptTuning(3), IA3(),
    BitFit(),
]  # fmt: skip


def digest(*parts):
    """The first 12 digits of SHA-256 over arrays and bytes."""
    code = hashlib.sha256()
    for part in parts:
        code.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
    return code.hexdigest()[:12]


def folder(save):
    """What `save(directory)` writes, by name and byte."""
    with tempfile.TemporaryDirectory() as directory:
        save(directory)
        files = sorted(pathlib.Path(directory).iterdir())
        return digest(*(part for file in files for part in (file.name.encode(), file.read_bytes())))


def trained(method, threads):
    """(the model after STEPS steps, its losses)"""
    rng = np.random.default_rng(5)
    model = method.apply(load_base(), rng)
    batches = (next_token(rng.integers(0, 256, (8, 97))) for _ in range(STEPS))
    history = train(
        model, batches, cross_entropy, AdamW(model.trainable_parameters(), lr=1e-3), steps=STEPS,
        schedule=warmup_cosine(STEPS), rng=rng, progress=False, threads=threads,
    )  # fmt: skip
    return model, history.losses


def main():
    batch = next_token(np.random.default_rng(6).integers(0, 256, (4, 65)))
    for method in METHODS:
        for threads in (None, 2):
            model, losses = trained(method, threads)
            learnt = [parameter.data for parameter in model.trainable_parameters()]
            held_out = held_out_loss(model, [batch], cross_entropy)
            name = type(method).__name__
            print(f"{name}, threads {threads}: {digest(*learnt)} {digest(losses, held_out)}")
        save = save_gpt2 if method == FullFineTuning() else save_adapter
        print(f"  {save.__name__}: {folder(functools.partial(save, model))}")
        text = generate(model, batch.tokens[0, :20], 12)
        print(f"  generate: {digest(text)}")
    weight = np.random.default_rng(7).normal(size=(65, 33)).astype(np.float32)
    for double in (False, True):
        packed = quantize_nf4(weight, 64, double)
        print(f"NF4, double {double}: {digest(packed.codes, packed.absmax, packed.dequantize())}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
