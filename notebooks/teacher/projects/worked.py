"""What the three worked projects share: three splits, a run, the table of pairs, the store.

A project is a module with NAME, QUESTION, SETTINGS of a run, WAYS {name: (method, where its rate's
search begins)}, `run(cell)`, which trains one way once, and `claims(evidence)`.
"""

import argparse
import functools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from lora_np.checkpoint import load_base
from lora_np.course.experiments import conclusions
from lora_np.course.experiments.protocol import Study, compare, rates_table
from lora_np.course.experiments.real_text import halves
from lora_np.objectives import cross_entropy
from lora_np.system.files import write_json
from lora_np.train.loop import held_out_loss, train, warmup_cosine
from lora_np.train.optim import AdamW

RESULTS = Path(__file__).parent / "results"
LONGER = {"steps": 24, "batch": 4, "length": 64, "windows": 24}
SHORT = {"steps": 12, "batch": 4, "length": 32, "windows": 24}
QUICK = {"steps": 2, "batch": 2, "length": 16, "windows": 2}  # to see that it runs
base = functools.cache(load_base)


def three_splits(text):
    """(what is learnt, what rates are chosen on, what is reported), by document."""
    tune, test = (replace(text, held_out=half) for half in halves(text.held_out))
    return text, tune, test


def loss(model, text, cell):
    """Nats a byte on the held-out part of `text`."""
    batches = text.held_out_batches(cell["windows"], length=cell["length"])
    return float(held_out_loss(model, batches, cross_entropy))


def learnt(method, text, cell):
    """The base after `steps` of AdamW with `method`; a seed's ways read the same windows."""
    model = method.apply(base(), np.random.default_rng([cell["seed"], 1]))
    batches = text.batches(np.random.default_rng(cell["seed"]), cell["batch"], cell["length"])
    train(
        model, batches, cross_entropy, AdamW(model.trainable_parameters(), cell["lr"]),
        steps=cell["steps"], schedule=warmup_cosine(cell["steps"], 2), progress=False,
    )  # fmt: skip
    return model


def evidence_of(project, seeds=5, settings=None, trials=4):
    """Rates tuned on validation, then `seeds` new seeds of each way at its own rate."""
    rates = {way: rate for way, (_, rate) in project.WAYS.items()}
    study = Study(project.NAME, project.run, rates, settings or project.SETTINGS, trials)
    return compare(study, seeds)


def page(project, evidence):
    """The table of a report: rates, pairs with their intervals, what is decided; and its marks."""
    lines = [f"{'rate':24}{'chosen':>9}  the best lies between"]
    lines += [f"{way:24}{lr:>9}  {among}" for way, lr, among, _ in rates_table(evidence)]
    trained = {way: how["runs"][0]["trained"] for way, how in evidence["ways"].items()}
    lines += ["", "trainable parameters: " + ", ".join(f"{w} {n:,}" for w, n in trained.items())]
    lines += ["", conclusions.table(project.claims(evidence)), ""]
    lines += [
        f"{row}: {n} of {of}, {why}" for row, (n, of, why) in grade(project, evidence).items()
    ]
    return "\n".join(lines)


def grade(project, evidence):
    """Of the rubric, what the stored runs decide: {row: (points, of, why)}."""
    ways = evidence["ways"].values()
    edges = [way for way, how in evidence["ways"].items() if not how["inside"]]
    lacks = [f"at an edge: {', '.join(edges)}"] * bool(edges)
    if len({len(how["tried"]) for how in ways}) > 1:
        lacks.append("more rates were tried for some ways")
    if evidence["seeds"] < 5 or any(len(how["runs"]) < 5 for how in ways):
        lacks.append("fewer than five shared seeds")
    why = (
        "; ".join(lacks) or "own rates, none at an edge, as many tried for each, five shared seeds"
    )
    claims = project.claims(evidence)
    paired = all(np.isfinite(conclusions.half_width(pairs)) for pairs in claims.values())
    told = sum(conclusions.decide(pairs) != "not told apart" for pairs in claims.values())
    return {
        "comparison": (4 if not lacks else 2 if len(lacks) == 1 else 0, 4, why),
        "interval": (3 * paired, 3, f"{told} of {len(claims)} differences told apart"),
    }


def stored(name):
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def main(project):
    parser = argparse.ArgumentParser(description=project.QUESTION)
    parser.add_argument("--stored", action="store_true", help="only show what was stored")
    options = parser.parse_args()
    if not options.stored:
        write_json(RESULTS / f"{project.NAME}.json", rounded(evidence_of(project)))
    evidence = stored(project.NAME)
    print(f"{project.QUESTION}\n\n{page(project, evidence)}")
    print(f"\n{evidence['cpu_seconds']:.0f} processor seconds, kernel {evidence['kernel']}")


def rounded(value):
    """Six digits of every float: more than a report shows, and a file that can be read."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
