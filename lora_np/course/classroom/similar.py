"""Which submissions are alike in what few others wrote: a report to read, no verdict.

An answer's cells become a stream of tokens of Python's own parser, in which every name is the
same, and so is every constant: renaming, comments, blank lines and line breaks change nothing.
Runs of LENGTH tokens are hashed, and of each WINDOW of hashes the least is kept: winnowing, of
Schleimer, Wilkerson and Aiken (SIGMOD 2003), which finds every run of LENGTH + WINDOW − 1 tokens.
What the given notebooks have, and what more than a fifth of the class wrote, does not count.
"""

import ast
import collections
import itertools
import zlib

from .cells import plain_python

LENGTH, WINDOW = 12, 5
COMMON = 5  # what more than one in so many has is how one writes this, and no copy
LEAST = 6  # fingerprints that a pair must share, rare ones
ALIKE = 0.6  # of the smaller one's rare fingerprints
PLAIN = (ast.Load, ast.Store, ast.Del, ast.alias, ast.Import, ast.ImportFrom)


def tokens(node):
    """The kinds of the nodes below, depth first; attributes and keywords keep their names."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, PLAIN) or is_text(child):
            continue
        yield type(child).__name__ + str(getattr(child, "attr", ""))
        yield from tokens(child)
        yield "end" if isinstance(child, ast.stmt) else ","


def is_text(node):
    """A string that stands alone says something to readers, and nothing to Python."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def fingerprints(cells):
    """The hashes that winnowing keeps of the cells of one answer."""
    kept = set()
    for cell in cells:
        try:
            stream = list(tokens(ast.parse(plain_python(cell))))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        runs = ("\n".join(stream[i : i + LENGTH]) for i in range(len(stream) - LENGTH + 1))
        hashes = [zlib.crc32(run.encode("utf-8", "replace")) for run in runs]
        last = max(len(hashes) - WINDOW + 1, bool(hashes))
        kept |= {min(hashes[i : i + WINDOW]) for i in range(last)}
    return kept


def of_answers(answers):
    """{(exercise, fingerprint)} of {exercise: cells}."""
    return {(n, print_) for n, cells in answers.items() for print_ in fingerprints(cells)}


def similar(submissions, given=()):
    """A row for each pair that is alike, the most alike first; `given` are {exercise: cells}."""
    template = set().union(*map(of_answers, given))
    prints = {s.name: of_answers(s.answers) - template for s in submissions if s.answers}
    having = collections.Counter(each for found in prints.values() for each in found)
    most = max(3, len(prints) // COMMON)
    rare = {n: {each for each in found if having[each] <= most} for n, found in prints.items()}
    rows = []
    for one, other in itertools.combinations(rare, 2):
        shared = rare[one] & rare[other]
        share = len(shared) / max(1, min(len(rare[one]), len(rare[other])))
        if len(shared) >= LEAST and share >= ALIKE:
            numbers = " ".join(sorted({number for number, _ in shared}))
            row = {"one": one, "other": other, "share": round(share, 2), "runs": len(shared)}
            rows.append({**row, "exercises": numbers})
    return sorted(rows, key=lambda row: (-row["share"], -row["runs"]))
