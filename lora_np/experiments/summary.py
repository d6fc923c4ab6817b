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
    for name in ("hard labels", "teacher, T = 2"):
        runs = [run["students"][name][most] for run in numbers["runs"]]
        before, after = np.mean([run["way"][0] for run in runs]), np.mean([r["end"] for r in runs])
        label = "distillation" if name.startswith("teacher") else "  (without a teacher)"
        yield label, "a small student", name, f"{most} texts", 1.0, "KL to truth", before, after


def from_context(numbers):
    from .context import HELD

    before = np.mean([run["before"]["without"] for run in numbers["runs"]])
    after = np.mean([run["students"][HELD]["without"] for run in numbers["runs"]])
    reads = "with, without context"
    return ("context distillation", "LoRA", "itself, instructed", reads, None, "unaided", before,
            after)  # fmt: skip


def from_rlhf(numbers):
    before = np.mean([run["reference"]["true"] for run in numbers["runs"]])
    for kind, teaches, reads in (
        ("PPO", "reward model, KL", "its own samples"), ("DPO", "preferences", "pairs"),
    ):  # fmt: skip
        after = np.mean([run[kind]["0.1"]["true"] for run in numbers["runs"]])
        yield f"RLHF: {kind}", "the policy", teaches, reads, None, "true reward", before, after


def from_patterns(numbers):
    before, size = np.mean(numbers["zero"]), numbers["sizes"][1]
    after = np.mean([seed[1] for seed in numbers["rows"]["pattern, LoRA r 4"]])
    return ("pattern-based", "LoRA", "verbalizer", f"{size} labels", None, "accuracy", before,
            after)  # fmt: skip


def from_raft(numbers):
    def mean(name, column):
        return np.mean(numbers["rows"][name], axis=0)[numbers["columns"].index(column)]

    bare = mean("base", "distractors only")
    share = numbers["trained"] / numbers["base_parameters"]
    yield ("RAG", "nothing", "nothing", "what BM25 finds", 0.0, "answers", bare,
           mean("RAG", "golden there"))  # fmt: skip
    yield ("RAFT, P = 0.6", "LoRA", "cross-entropy", "golden, distractors", share, "unaided", bare,
           mean("RAFT, P = 0.6", "distractors only"))  # fmt: skip


def table(results):
    """The rows as text."""
    titles = ("", "what moves", "what teaches", "what it reads", "trained", "score")
    widths = (27, 25, 20, 23, 9, 18)
    lines = ["".join(f"{t:<{w}}" for t, w in zip(titles, widths)) + "before   after"]
    for name, moves, teaches, reads, share, score, before, after in rows(results):
        shown = "as set" if share is None else f"{share:.1%}"
        cells = (name, moves, teaches, reads, shown, score)
        lines.append(
            "".join(f"{c:<{w}}" for c, w in zip(cells, widths)) + f"{before:6.3f}  {after:6.3f}"
        )
    lines.append("Each score is its own experiment's; KL is better low, all others high.")
    return "\n".join(lines)
