"""Experiments: each compares ways by one protocol, and gives numbers, a table, figures, claims.

`EXPERIMENTS` is the one list of them, by the axis on which its ways differ. A module is imported
only when it runs, for it brings matplotlib with it. It has `run(seeds, quick, directory,
processes)`, and of what that returned `table`, `figure`, `alt_text`, and `claims`: {sentence: a
difference for each seed}. Some read the runs of another: those are trained once.
"""

import importlib

READS = {  # a question: the experiment whose runs answer it
    "regret": "methods_text",
    "variants": "methods_text",
    "truncation": "methods_text",
    "forgetting": "methods_text",
    "razor": "methods_text",
    "intruders": "methods_text",
}
MOVES = ("methods", "shapes", "capacity", "batch_size", "alpha", "methods_text", *READS, "formats")
TEACHES = ("distillation", "on_policy", "context", "rlhf", "few_numbers")
IS_READ = ("patterns", "raft")
EXPERIMENTS = (*MOVES, *TEACHES, *IS_READ)


def load(name):
    return importlib.import_module(f".{name}", __package__)


def trained_by(name):
    """The experiment whose runs this one reads: mostly its own."""
    return READS.get(name, name)
