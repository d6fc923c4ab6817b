"""Fine-tuning prose -> code: every method over learning rates, then three seeds at its best.

    python benchmarks/tuning/finetune_table.py            about half an hour on one core
    python benchmarks/tuning/finetune_table.py --table    the table of what was measured before

Each run is kept in --runs as it ends, and one that is there already is not repeated, so this can
be stopped and started again. What was measured goes to results/finetune_table.json. The best rate
is the one with the lowest held-out loss on code with the first seed. A step's time is the
processor's, the smallest of the seeds', as a ratio to full fine-tuning's: with --processes above
1, the runs disturb one another, and it is less exact.
"""

import argparse
import json
import pathlib

import numpy as np

from lora_np.checkpoint import load_base
from lora_np.methods import FullFineTuning, HeadTuning, LoRA, QLoRA
from lora_np.recipes.finetune import describe, finetune, share_of_gain
from lora_np.recipes.sweep import sweep
from lora_np.system.files import whole_file, write_json
from lora_np.system.process import prepare
from lora_np.tasks import text

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "finetune_table.json"
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


def cell(name, lr, seed, options):
    """All that a run depends on; `method` notices when METHODS changes under a name."""
    return {
        "name": name,
        "lr": lr,
        "seed": seed,
        "steps": options.steps,
        "batch": [options.batch_size, 128],
        "method": describe(METHODS[name][0]),
    }


def run_cell(cell):
    """Fine-tune as a cell says; its numbers, and the cell's own."""
    prepare()
    try:
        _, history, numbers = finetune(
            load_base(),
            METHODS[cell["name"]][0],
            text.code(),
            [text.prose()],
            lr=cell["lr"],
            steps=cell["steps"],
            batch_size=cell["batch"][0],
            seed=cell["seed"],
            windows=256,
            progress=False,
        )
        if history.interrupted:
            raise KeyboardInterrupt
    except FloatingPointError as error:
        numbers = {"diverged": str(error), "after": None}
    return {**numbers, **cell}


def measured():
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []


def best_rate(runs):
    finished = [run for run in runs if run["after"]]
    return min(finished, key=lambda run: run["after"]["code"])["lr"]


def table(runs):
    """Markdown: one row a method at its best rate, mean and spread over the seeds."""
    head = [
        "method",
        "rate",
        "trained",
        "code",
        "share of full's gain",
        "prose",
        "MB weights + gradients + moments",
        "MB activations",
        "time a step",
    ]
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
    lines += [
        "",
        f"Before: code {before['base']['code']:.3f}, prose {before['base']['prose']:.3f} "
        f"nats a byte. {before['steps']} steps of {before['batch'][0]} x "
        f"{before['batch'][1]} tokens, seeds {', '.join(map(str, sorted(full)))}; "
        "mean +- half the range.",
    ]
    return "\n".join(lines)


def spread(values):
    return f"{np.mean(values):.3f} +- {(max(values) - min(values)) / 2:.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--table", action="store_true", help="only print what was measured")
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--runs", default="out/finetune_table", help="where each run is kept")
    parser.add_argument("--processes", type=int, default=1, help="how many runs at once")
    options = parser.parse_args()
    if not options.table:
        rates = [
            cell(name, lr, SEEDS[0], options) for name in options.only for lr in METHODS[name][1]
        ]
        runs = sweep(rates, run_cell, options.runs, processes=options.processes)
        at_best = [
            cell(name, best_rate([run for run in runs if run["name"] == name]), seed, options)
            for name in options.only
            for seed in SEEDS[1:]
        ]
        runs += sweep(at_best, run_cell, options.runs, processes=options.processes)
        others = [run for run in measured() if run["name"] not in options.only]
        write_json(RESULTS, others + runs)
    same = [
        run
        for run in measured()
        if (run["steps"], run["batch"][0]) == (options.steps, options.batch_size)
    ]
    if not any(run["name"] == "full" for run in same):
        return  # full fine-tuning is what the others are compared with
    text_table = table(same)
    with whole_file(RESULTS.with_suffix(".md")) as temporary:
        temporary.write_text(text_table + "\n", encoding="utf-8")
    print(text_table)


if __name__ == "__main__":
    main()
