"""Experiments: each compares ways by one protocol, and gives numbers, a table, figures, claims.

`EXPERIMENTS` is the one list of them: a module each, imported only when it runs, for it brings
matplotlib with it. A module has `run(seeds, quick, directory, processes)`, and of what that
returned `table`, `figure`, `alt_text`, and `claims`: {sentence: a difference for each seed}.
"""

import importlib

EXPERIMENTS = ("methods", "methods_text", "distillation", "context", "rlhf", "patterns", "raft")


def load(name):
    return importlib.import_module(f".{name}", __package__)
