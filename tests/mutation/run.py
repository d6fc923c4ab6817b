"""Mutation testing of one folder, or of a random sample of its mutants: see README.md beside this.

    python tests/mutation/run.py train.optim
    python tests/mutation/run.py nn --sample 250 --seed 0
    python tests/mutation/run.py nn --sample 250 --seed 0 --survivors   (again, what survived)

mutmut (configured in pyproject.toml) makes the mutants and judges them; this picks which, counts
the verdicts and shows what survived.
"""

import argparse
import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("nn", "quant", "methods", "objectives", "train.optim")
ALIVE = ("survived", "no tests")


def mutmut(*arguments, **options):
    return subprocess.run(["mutmut", *arguments], cwd=ROOT, text=True, check=True, **options)


def judge(names):
    (ROOT / "mutants").mkdir(exist_ok=True)
    with open(ROOT / "mutants/run.log", "w") as log:  # thousands of lines, mostly a spinner's
        mutmut("run", "--max-children", "1", *names, stdout=log)


def verdicts():
    """{mutant's name: mutmut's word for what became of it}."""
    lines = mutmut("results", "--all", "true", stdout=subprocess.PIPE).stdout.splitlines()
    return dict(line.strip().rsplit(": ", 1) for line in lines if ": " in line)


def chosen(folder, sample, seed):
    """All of a folder's mutants, and those with the `sample` lowest hashes: as good as drawn, and
    a mutant more or less elsewhere does not deal all of them anew."""
    names = [name for name in verdicts() if name.startswith(f"lora_np.{folder}.")]
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    return names, sorted(drawn[:sample])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", choices=FOLDERS)
    parser.add_argument("--sample", type=int, help="how many mutants of a folder (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--survivors", action="store_true", help="judge only what survived before")
    which.add_argument("--resume", action="store_true", help="judge only what was not judged yet")
    which.add_argument("--count", action="store_true", help="judge nothing, count what was judged")
    options = parser.parse_args()
    if not (ROOT / "mutants/lora_np/train/optim.py.meta").exists():
        judge(["lora_np.train.optim.*SGD*"])  # the first run, of whichever few, makes every mutant
    before = verdicts()
    picks = {folder: chosen(folder, options.sample, options.seed) for folder in options.folders}
    names = [name for _, picked in picks.values() for name in picked]
    if options.survivors:
        names = [name for name in names if before[name] in ALIVE]
    if options.resume:
        names = [name for name in names if before[name] == "not checked"]
    if names and not options.count:
        judge(names)
    after = verdicts()
    for folder, (every, picked) in picks.items():
        counts = Counter(after[name] for name in picked)
        alive = sum(counts[word] for word in ALIVE)
        score = (len(picked) - alive) / len(picked)
        print(f"{folder}: {len(every)} mutants, {len(picked)} tried, {score:.1%}: {dict(counts)}")
    for name in (name for _, picked in picks.values() for name in picked):
        if after[name] in ALIVE:
            print(mutmut("show", name, stdout=subprocess.PIPE).stdout)


if __name__ == "__main__":
    sys.exit(main())
