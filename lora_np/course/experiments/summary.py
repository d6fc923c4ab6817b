"""The document's whole list in one table: what moves, what teaches, what it reads, what came of it.

Each row keeps the score of its own experiment; scores of different rows do not compare.
"""

import numpy as np

SKILLS = "mean of 3 skills"
MOVES = {  # a row of the experiment "methods": what of the model moves
    "full fine-tuning": "every weight",
    "head": "the head",
    "LoRA r 4, attention's qkv": "A and B beside c_attn",
    "QLoRA r 4, attention's qkv": "A and B, base in NF4",
    "Houlsby adapters, width 8": "two bottlenecks a block",
    "prefix, 4 positions": "keys, values a layer",
    "prompt, 4 tokens": "rows at the embeddings",
}


def rows(results):
    """(name, what moves, what teaches, what it reads, trained share, score's name, before, after).

    `results` holds what each experiment's `run` returned, by name. A share of None: it is the
    objective that is new, on a model or a method of any kind.
    """
    return [
        *from_methods(results["methods"]),
        *from_distillation(results["distillation"]),
        from_context(results["context"]),
        *from_rlhf(results["rlhf"]),
        from_patterns(results["patterns"]),
        *from_raft(results["raft"]),
    ]


def from_methods(numbers):
    before = np.mean(numbers["before"])
    for name, moves in MOVES.items():
        row = numbers["rows"][name]
        share = row["trained"] / numbers["base_parameters"]
        after = np.mean(row["accuracy"])
        yield name, moves, "cross-entropy", "labelled text", share, SKILLS, before, after


def from_distillation(numbers):
    most = str(numbers["texts"][-1])
    for name in ("hard labels", "teacher, τ = 2"):
        runs = [run["students"][name][most] for run in numbers["runs"]]
        before, after = np.mean([run["way"][0] for run in runs]), np.mean([r["end"] for r in runs])
        label = "distillation" if name.startswith("teacher") else "  (without a teacher)"
        yield label, "a small student", name, f"{most} texts", 1.0, "KL to truth", before, after


def from_context(numbers):
    from .context import HELD

    before = np.mean([run["before"]["without"] for run in numbers["runs"]])
    after = np.mean([run["students"][HELD]["without"] for run in numbers["runs"]])
    how = "LoRA", "itself, instructed", "with, without context", None, "unaided"
    return "context distillation", *how, before, after


def from_rlhf(numbers):
    before = np.mean([run["reference"]["true"] for run in numbers["runs"]])
    for kind, teaches, reads in (
        ("PPO", "reward model, KL", "its own samples"),
        ("DPO", "preferences", "pairs"),
    ):
        after = np.mean([run[kind]["0.1"]["true"] for run in numbers["runs"]])
        yield f"RLHF: {kind}", "the policy", teaches, reads, None, "true reward", before, after


def from_patterns(numbers):
    after = np.mean([seed[1] for seed in numbers["rows"]["pattern, LoRA r 4"]])
    how = "LoRA", "verbalizer", f"{numbers['sizes'][1]} labels", None, "accuracy"
    return "pattern-based", *how, np.mean(numbers["zero"]), after


def from_raft(numbers):
    def mean(name, column):
        return np.mean(numbers["rows"][name], axis=0)[numbers["columns"].index(column)]

    bare, rag = mean("base", "distractors only"), mean("base", "retrieved")
    raft = mean("RAFT, P = 0.6", "distractors only")
    share = numbers["trained"] / numbers["base_parameters"]
    yield "RAG", "nothing", "nothing", "what BM25 finds", 0.0, "answers", bare, rag
    how = "LoRA", "cross-entropy", "golden, distractors", share, "unaided"
    yield "RAFT, P = 0.6", *how, bare, raft


def table(results):
    """The rows as text."""
    titles = ("", "what moves", "what teaches", "what it reads", "trained", "score")
    widths = (27, 25, 20, 23, 9, 18)

    def line(cells):
        return "".join(f"{cell:<{width}}" for cell, width in zip(cells, widths))

    lines = [line(titles) + "before   after"]
    for *cells, share, score, before, after in rows(results):
        shown = "as set" if share is None else f"{share:.1%}"
        lines.append(line((*cells, shown, score)) + f"{before:6.3f}  {after:6.3f}")
    lines.append("Each score is its own experiment's; KL is better low, all others high.")
    return "\n".join(lines)
