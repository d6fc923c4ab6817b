"""What 4 bits do to a real model, and what QLoRA makes up for: perplexity on held-out prose.

The base is rounded in three ways; then LoRA beside the float base and QLoRA beside the rounded one
read the same prose for the same steps.
"""

import numpy as np

from ....memory.measured import array_bytes
from ....methods import QLoRA
from ....methods.low_rank.qlora import quantize_base
from ....objectives import cross_entropy
from ....tasks import text
from ..common import by_row, over_seeds, spread, text_table
from .common import METHOD, learn, note, open_model, prose_perplexity

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
    reading, length = text.prose(tokenizer), min(length, base.config.n_positions)
    last = {}

    def measure(name, which, trained=0):
        perplexity = prose_perplexity(which, tokenizer, windows)
        tell(f"{name}: {perplexity:.3f}")
        return {"perplexity": perplexity, "bytes": array_bytes(which), "trained": trained}

    def one_seed(seed):
        rows = {}
        for name, method in TRAINED.items():
            rng = np.random.default_rng(seed)
            last["model"] = adapted = method.apply(base, rng)
            batches = reading.batches(rng, 4, length)
            losses, cpu = learn(adapted, batches, cross_entropy, steps)
            trained = sum(p.size for p in adapted.trainable_parameters())
            rows[name] = measure(f"seed {seed}, {name}", adapted, trained)
            rows[name] |= {"CPU seconds": cpu, "losses": losses}
        return rows

    rows = {}
    for name, options in ROUNDED.items():
        rows[name] = [measure(name, base if options is None else quantize_base(base, **options))]
    runs, seconds = over_seeds(one_seed, seeds, first)
    numbers = {"quick": quick, "steps": steps, "length": length, "windows": windows}
    numbers |= {"seeds": seeds, "rows": rows | by_row(runs), "cpu_seconds_a_seed": seconds}
    return numbers, last["model"]


def table(numbers):
    rows = []
    for name, runs in numbers["rows"].items():
        found = [run["perplexity"] for run in runs]
        shown = f"{found[0]:.2f}" if len(runs) == 1 else spread(found)
        seconds = np.mean([run.get("CPU seconds", 0) for run in runs])
        size, trained = runs[0]["bytes"] / 1e6, runs[0]["trained"]
        rows.append((name, shown, f"{size:.1f}", f"{trained:,}", f"{seconds:.0f}"))
    titles = ("", "perplexity", "MB", "trained", "CPU s")
    lines = text_table(titles, rows, (31, 14, 9, 12, 7))
    text = (
        f"Perplexity on {numbers['windows']} windows of held-out prose; MB: of all weights. "
        f"{numbers['steps']} steps of 4 windows of {numbers['length']} tokens;"
    )
    return "\n".join([*lines, note(text, numbers)])
