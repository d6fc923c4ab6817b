"""Write notebooks/EVIDENCE.md: what each experiment concludes, from its stored runs.

python benchmarks/tuning/evidence_page.py
"""

import argparse
import json
import pathlib
from itertools import takewhile

import numpy as np

from lora_np.course.experiments import EXPERIMENTS, conclusions, load, trained_by

ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "notebooks" / "EVIDENCE.md"
HEAD = """# What the experiments conclude

Every line is a difference in pairs of one seed, as [PROTOCOL.md](PROTOCOL.md) says: the first less
the second. *Decided* where every pair agrees and the mean lies three standard errors from zero. The
interval is Student's, 95 %; the *margin* is how many half intervals the mean lies from zero.
*Elsewhere* is what the same runs decide with another kernel of OpenBLAS, which rounds otherwise.
All of these worlds are small; what a paper says of large models is not refuted here, only tried.
This page is made from the stored runs by `python benchmarks/tuning/evidence_page.py`, and
`python benchmarks/tuning/evidence.py` makes the runs.
"""


RESULTS = ROOT / "benchmarks" / "results"
SAME, NOT_RUN = "same", "-"


def path_of(name, kernel=""):
    return RESULTS / kernel / f"{trained_by(name)}.json"


def elsewhere(name):
    """{kernel: {claim: what its runs decide}}, of every other kernel that is stored."""
    kernels = sorted(path.name for path in RESULTS.iterdir() if path_of(name, path.name).is_file())
    return {
        kernel: {
            sentence: conclusions.decide(d)
            for sentence, d in load(name).claims(read(path_of(name, kernel))).items()
        }
        for kernel in kernels
    }


def read(path):
    return json.loads(path.read_text("utf-8"))


def otherwise(sentence, decided, others):
    """A cell: what other kernels' runs decide, where it is not the same."""
    differ = [
        f"{kernel}: {theirs[sentence]}"
        for kernel, theirs in others.items()
        if theirs.get(sentence, decided) != decided
    ]
    run = any(sentence in theirs for theirs in others.values())
    return ", ".join(differ) or (SAME if run else NOT_RUN)


def minutes(numbers):
    """The processor's minutes of all runs of an experiment, tuning with them."""
    if isinstance(numbers, dict):
        own = numbers.get("cpu_seconds", 0)
        return own / 60 if own else sum(minutes(part) for part in numbers.values())
    return sum(minutes(part) for part in numbers) if isinstance(numbers, list) else 0


def section(name):
    """Markdown: the experiment's question, its claims, the smallest margin of those decided."""
    module, numbers, others = load(name), read(path_of(name)), elsewhere(name)
    first = " ".join(takewhile(str.strip, module.__doc__.strip().splitlines()))
    claims = module.claims(numbers)
    lines = [f"## {name}", "", first, ""]
    lines += [
        "| one less another | mean | 95 % | agree | decided | margin | elsewhere |",
        "|---|---|---|---|---|---|---|",
    ]
    margins, differ, run = [], 0, 0
    for sentence, d in claims.items():
        agree = int(max(np.sum(np.sign(d) == sign) for sign in (-1, 1)))
        decided, margin = conclusions.decide(d), conclusions.margin(d)
        margins += [margin] * (decided != "not told apart")
        half = f"± {conclusions.half_width(d):.2g}"
        cells = (
            sentence,
            f"{np.mean(d):+.3g}",
            half,
            f"{agree} of {len(d)}",
            decided,
            conclusions.in_halves(d),
            otherwise(sentence, decided, others),
        )
        differ, run = differ + (cells[-1] not in (SAME, NOT_RUN)), run + (cells[-1] != NOT_RUN)
        lines.append("| " + " | ".join(cell.replace("|", "∣") for cell in cells) + " |")
    least = f"; the smallest margin of those decided is {min(margins):.1f}" if margins else ""
    lines += ["", f"{len(margins)} of {len(claims)} decided{least}."]
    if others:
        lines[-1] += f" With {' or '.join(others)}, {differ} of {run} otherwise."
    if trained_by(name) == name:
        lines[-1] += f" {minutes(numbers):.1f} CPU minutes, tuning with them."
    else:
        lines[-1] += f" It reads the runs of {trained_by(name)}."
    return "\n".join(lines)


def page():
    missing = [name for name in EXPERIMENTS if not path_of(name).exists()]
    said = [f"Not run yet: {', '.join(missing)}."] if missing else []
    sections = [section(name) for name in EXPERIMENTS if name not in missing]
    return "\n\n".join([HEAD.rstrip(), *sections, *said]) + "\n"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    PAGE.write_text(page(), "utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
