"""What 4 bits do to a real model, and what QLoRA makes up for: perplexity on held-out prose.

The base is rounded in three ways; then LoRA beside the float base and QLoRA beside the rounded one
read the same prose for the same steps.
"""

import time

import numpy as np

from ...memory import weight_bytes
from ...methods import QLoRA
from ...methods.qlora import quantize_base
from ...objectives import cross_entropy
from ...tasks import text
from .common import METHOD, learn, note, open_model, prose_perplexity, spread

ROUNDED = {
    "float32": None,
    "NF4": {},
    "NF4, scales in 8 bits": {"double_quant": True},
    "  and the token table": {"double_quant": True, "int8_embeddings": True},
}
TRAINED = {
    "LoRA on float32": METHOD,
    "QLoRA (NF4, scales in 8 bits)": QLoRA(8, 16.0, "all-linear", double_quant=True),
}


def run(seeds=3, quick=False, model=None, progress=None, first=0):
    """Perplexity of the base in each form, and after training; numbers for JSON, and QLoRA's model.

    The seeds are `first` and those after it. `model` is a (model, tokenizer) pair, by default the
    real one.
    """
    steps, windows, length = (3, 2, 32) if quick else (20, 16, 64)
    seeds, tell = 1 if quick else seeds, progress or (lambda text: None)
    base, tokenizer = model or open_model()
    reading, rows, seconds = text.prose(tokenizer), {}, []
    length = min(length, base.config.n_positions)
    for name, options in ROUNDED.items():
        rounded = base if options is None else quantize_base(base, **options)
        perplexity = prose_perplexity(rounded, tokenizer, windows)
        rows[name] = [{"perplexity": perplexity, "bytes": weight_bytes(rounded), "trained": 0}]
        tell(f"{name}: {perplexity:.3f}")
    for seed in range(first, first + seeds):
        start = time.process_time()
        for name, method in TRAINED.items():
            rng = np.random.default_rng(seed)
            adapted, batches = method.apply(base, rng), reading.batches(rng, 4, length)
            losses, cpu = learn(adapted, batches, cross_entropy, steps)
            row = {
                "perplexity": prose_perplexity(adapted, tokenizer, windows),
                "bytes": weight_bytes(adapted),
                "trained": sum(p.size for p in adapted.trainable_parameters()),
                "CPU seconds": cpu,
                "losses": losses,
            }
            rows.setdefault(name, []).append(row)
            tell(f"seed {seed}, {name}: {row['perplexity']:.3f}, {cpu:.0f} s")
        seconds.append(time.process_time() - start)
    numbers = {
        "quick": quick, "steps": steps, "length": length, "windows": windows, "seeds": seeds,
        "rows": rows, "cpu_seconds_a_seed": seconds,
    }  # fmt: skip
    return numbers, adapted


def table(numbers):
    lines = [f"{'':31}{'perplexity':>14}{'MB':>9}{'trained':>12}{'CPU s':>7}"]
    for name, runs in numbers["rows"].items():
        found = [run["perplexity"] for run in runs]
        shown = f"{found[0]:.2f}" if len(runs) == 1 else spread(found)
        seconds = np.mean([run.get("CPU seconds", 0) for run in runs])
        size = runs[0]["bytes"] / 1e6
        lines.append(f"{name:31}{shown:>14}{size:>9.1f}{runs[0]['trained']:>12,}{seconds:>7.0f}")
    text = (
        f"Perplexity on {numbers['windows']} windows of held-out prose; MB: of all weights. "
        f"{numbers['steps']} steps of 4 windows of {numbers['length']} tokens;"
    )
    return "\n".join([*lines, note(text, numbers)])
