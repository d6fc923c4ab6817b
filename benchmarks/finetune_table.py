"""Fine-tuning prose -> code: every method over learning rates, then three seeds at its best.

    python benchmarks/finetune_table.py            about half an hour on one core
    python benchmarks/finetune_table.py --table    print the table from what was measured before

Each run is added to results/finetune_table.json as it ends, and one that is there already is not
repeated, so this can be stopped and started again. The best rate is the one with the lowest
held-out loss on code with the first seed. A step's time
is the processor's, the smallest of the seeds', as a ratio to full fine-tuning's.
"""

import argparse
import json
import pathlib

import numpy as np

from lora_np.checkpoint import load_base
from lora_np.commands.common import prepare, write_json
from lora_np.files import whole_file
from lora_np.finetune import describe, finetune, share_of_gain
from lora_np.methods import FullFineTuning, HeadTuning, LoRA, QLoRA
from lora_np.tasks import text

RESULTS = pathlib.Path(__file__).parent / "results" / "finetune_table.json"
ALL = "all-linear"
METHODS = {  # name: (method, learning rates to try)
    "full": (FullFineTuning(), (3e-4, 1e-3, 3e-3, 1e-2)),
    "head": (HeadTuning(), (3e-3, 1e-2, 3e-2, 1e-1)),
    "LoRA r 8, c_attn": (LoRA(8, 16.0, ("c_attn",)), (3e-3, 1e-2, 2e-2, 4e-2)),
    "LoRA r 8, all": (LoRA(8, 16.0, ALL), (2e-3, 5e-3, 1e-2, 2e-2)),
    "LoRA r 32, all": (LoRA(32, 64.0, ALL), (1e-3, 2e-3, 5e-3, 1e-2)),
    "QLoRA r 8, all": (QLoRA(8, 16.0, ALL), (2e-3, 5e-3, 1e-2, 2e-2)),
    "QLoRA r 32, all": (QLoRA(32, 64.0, ALL), (1e-3, 2e-3, 5e-3, 1e-2)),
}
SEEDS = (0, 1, 2)


def run_once(base, texts, name, lr, seed, options):
    """Fine-tune, unless the same run was measured before; returns its numbers."""
    method = METHODS[name][0]
    key = {"name": name, "lr": lr, "seed": seed, "steps": options.steps,
           "batch": [options.batch_size, 128]}  # fmt: skip
    for run in measured():
        if all(run[k] == v for k, v in key.items()) and run["method"] == describe(method):
            return run
    code, prose = texts
    try:
        _, history, numbers = finetune(
            base, method, code, [prose], lr=lr, steps=options.steps,
            batch_size=options.batch_size, seed=seed, windows=256,
        )  # fmt: skip
        if history.interrupted:
            raise KeyboardInterrupt
    except FloatingPointError as error:
        numbers = {"method": describe(method), "diverged": str(error), "after": None}
    write_json(RESULTS, [*measured(), {**numbers, **key}])
    print(name, lr, seed, numbers["after"], flush=True)
    return {**numbers, **key}


def measured():
    """What was measured so far; read anew each time, so that several of these can run at once."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []


def best_rate(runs):
    finished = [run for run in runs if run["after"]]
    return min(finished, key=lambda run: run["after"]["code"])["lr"]


def table(runs):
    """Markdown: one row a method at its best rate, mean and spread over the seeds."""
    head = ["method", "rate", "trained", "code", "share of full's gain", "prose",
            "MB weights + gradients + moments", "MB activations", "time a step"]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    at_best = {}
    for name in METHODS:
        of_name = [run for run in runs if run["name"] == name]
        if of_name:
            lr = best_rate([run for run in of_name if run["seed"] == SEEDS[0]])
            at_best[name] = {run["seed"]: run for run in of_name if run["lr"] == lr}
    full = at_best["full"]
    for name, by_seed in at_best.items():
        seeds = sorted(set(by_seed) & set(full))
        chosen = [by_seed[seed] for seed in seeds]
        shares = [share_of_gain(by_seed[seed], full[seed], "code") for seed in seeds]
        times = [run["cpu_ms_per_step"] for run in chosen]
        held = chosen[0]["bytes"]
        state = sum(size for kind, size in held.items() if kind != "activations")
        cells = [
            name,
            f"{chosen[0]['lr']:g}",
            f"{chosen[0]['trained']:,}",
            spread([run["after"]["code"] for run in chosen]),
            spread(shares),
            spread([run["after"]["prose"] for run in chosen]),
            f"{state / 1e6:.2f}",
            f"{held['activations'] / 1e6:.1f}",
            f"{min(times) / min(run['cpu_ms_per_step'] for run in full.values()):.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    before = full[SEEDS[0]]
    lines += ["", f"Before: code {before['base']['code']:.3f}, prose {before['base']['prose']:.3f} "
              f"nats a byte. {before['steps']} steps of {before['batch'][0]} x "
              f"{before['batch'][1]} tokens, seeds {', '.join(map(str, sorted(full)))}; "
              "mean +- half the range."]  # fmt: skip
    return "\n".join(lines)


def spread(values):
    return f"{np.mean(values):.3f} +- {(max(values) - min(values)) / 2:.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--table", action="store_true", help="only print what was measured")
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS))
    options = parser.parse_args()
    if not options.table:
        prepare()
        RESULTS.parent.mkdir(exist_ok=True)
        base, texts = load_base(), (text.code(), text.prose())
        for name in options.only:
            rates = METHODS[name][1]
            swept = [run_once(base, texts, name, lr, SEEDS[0], options) for lr in rates]
            lr = best_rate(swept)
            for seed in SEEDS[1:]:
                run_once(base, texts, name, lr, seed, options)
    same = [run for run in measured()
            if (run["steps"], run["batch"][0]) == (options.steps, options.batch_size)]  # fmt: skip
    if not any(run["name"] == "full" for run in same):
        return  # full fine-tuning is what the others are compared with
    text_table = table(same)
    with whole_file(RESULTS.with_suffix(".md")) as temporary:
        temporary.write_text(text_table + "\n", encoding="utf-8")
    print(text_table)


if __name__ == "__main__":
    main()
