"""Ranks 1 to 64 on code: the loss, the singular values of full fine-tuning's change, and overlap.

    python benchmarks/tuning/rank_sweep.py         some minutes on one core

All ranks share one learning rate and one scale, 2 (alpha = 2 r), so only the rank differs.
Writes results/rank_sweep.json: for each rank the held-out losses and, for one layer, LoRA's
singular values; for full fine-tuning those of every layer; the overlap of r 8 and r 64, on the
side of the inputs (where A starts at random) and of the outputs (where B starts at zero). These
are of one seed. Rank 2 on all layers and rank 8 on c_attn, which train as many numbers, are
compared over three, which draw the same windows for both; rank 8 has its own best rate.
"""

import argparse
import json
import pathlib

from lora_np.analysis.spectrum import delta_weights, overlap, rank_for, singular_values
from lora_np.checkpoint import load_base
from lora_np.methods import FullFineTuning, LoRA
from lora_np.methods.targets import ALL_LINEAR
from lora_np.recipes.finetune import finetune
from lora_np.system.files import write_json
from lora_np.system.process import prepare
from lora_np.tasks import text

RESULTS = pathlib.Path(__file__).parents[1] / "results" / "rank_sweep.json"
RANKS = (1, 2, 4, 8, 16, 32, 64)
SEEDS = (0, 1, 2)
C_ATTN_RATE = 2e-2  # the best in results/finetune_table.json


def overlaps(few, many, side):
    """How far the first i directions of `few` lie in the first 64 of `many`, and in random 64."""
    if side == "outputs":
        few, many = few.T, many.T
    found = {f"first {i}": overlap(few, many, i, 64) for i in (1, 2, 4, 8)}
    return {**found, "by chance": 64 / len(few)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--lr", type=float, default=5e-3, help="LoRA's, for every rank")
    parser.add_argument("--layer", default="h.2.mlp.c_fc", help="whose singular values to keep")
    options = parser.parse_args()
    prepare()
    base, code, prose = load_base(), text.code(), text.prose()

    def run(method, lr, seed=0):
        settings = {"steps": options.steps, "batch_size": options.batch_size, "windows": 256}
        model, _, numbers = finetune(base, method, code, [prose], lr=lr, seed=seed, **settings)
        print(numbers["method"], lr, seed, numbers["after"], flush=True)
        return delta_weights(model, base), {"lr": lr, "after": numbers["after"]}

    full, numbers = run(FullFineTuning(), FullFineTuning.rate)
    spectra = {name: singular_values(delta) for name, delta in full.items()}
    results = {
        "settings": vars(options),
        "full": {
            **numbers,
            "singular_values": {name: values.tolist() for name, values in spectra.items()},
            "rank_for_90_percent": {name: rank_for(0.9, v) for name, v in spectra.items()},
        },
        "ranks": {},
    }
    deltas = {}
    for rank in RANKS:
        deltas[rank], numbers = run(LoRA(rank, 2.0 * rank, ALL_LINEAR), options.lr)
        values = singular_values(deltas[rank][options.layer])[:rank]
        results["ranks"][rank] = {**numbers, "singular_values": values.tolist()}
    same_numbers = {
        "r 2, all": (LoRA(2, 4.0, ALL_LINEAR), options.lr),
        "r 8, c_attn": (LoRA(8, 16.0, ("c_attn",)), C_ATTN_RATE),
    }
    results["same_numbers"] = {
        name: [run(method, lr, seed)[1] for seed in SEEDS]
        for name, (method, lr) in same_numbers.items()
    }
    for side in ("inputs", "outputs"):
        results[f"overlap_r8_r64_{side}"] = {
            name: overlaps(deltas[8][name], deltas[64][name], side) for name in full
        }
    RESULTS.parent.mkdir(exist_ok=True)
    write_json(RESULTS, results)
    print(json.dumps({rank: r["after"] for rank, r in results["ranks"].items()}, indent=1))


if __name__ == "__main__":
    main()
