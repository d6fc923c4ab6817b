"""Mutation testing of folders, or of a random sample of their mutants: see README.md beside this.

    python tests/mutation/run.py system
    python tests/mutation/run.py nn quant --sample 100 --seed 0
    python tests/mutation/run.py nn quant --sample 100 --seed 0 --survivors   (what survived, again)

mutmut makes the mutants and judges them; this picks which, counts the verdicts and shows what
survived.
"""

import argparse
import hashlib
import subprocess
import sys
from collections import Counter

from folders import TESTS, workplace

ALIVE = ("survived", "no tests")


def mutmut(folder, *arguments, check=True, **options):
    command = ["mutmut", *arguments]
    return subprocess.run(command, cwd=workplace(folder), text=True, check=check, **options)


def judge(folder, names, **options):
    with open(workplace(folder) / "run.log", "w") as log:  # thousands of lines, mostly a spinner's
        mutmut(folder, "run", "--max-children", "1", *names, stdout=log, **options)


def prepare(folder):
    """Make every mutant and see which test reaches it: mutmut does, before it finds none to run."""
    seen = workplace(folder) / "mutants/mutmut-stats.json"
    if not seen.exists():
        judge(folder, ["none"], check=False, stderr=subprocess.DEVNULL)
    if not seen.exists():
        sys.exit(f"{folder}: its tests do not pass without a mutant, see {seen.parents[1]}/run.log")


def verdicts(folder):
    """{mutant's name: mutmut's word for what became of it}."""
    lines = mutmut(folder, "results", "--all", "true", stdout=subprocess.PIPE).stdout.splitlines()
    return dict(line.strip().rsplit(": ", 1) for line in lines if ": " in line)


def chosen(names, sample, seed):
    """The mutants with the `sample` lowest hashes: as good as drawn, and a mutant more or less
    elsewhere does not deal all of them anew."""
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    return sorted(drawn[:sample])


def try_folder(folder, options):
    prepare(folder)
    before = verdicts(folder)
    picked = chosen(before, options.sample, options.seed)
    names = picked
    if options.survivors:
        names = [name for name in names if before[name] in ALIVE]
    if options.resume:
        names = [name for name in names if before[name] == "not checked"]
    if names and not options.count:
        judge(folder, names)
    after = verdicts(folder)
    counts = Counter(after[name] for name in picked)
    alive = [name for name in picked if after[name] in ALIVE]
    for name in alive:
        print(mutmut(folder, "show", name, stdout=subprocess.PIPE).stdout)
    score = 1 - len(alive) / len(picked)
    print(f"{folder}: {len(after)} mutants, {len(picked)} tried, {score:.1%}: {dict(counts)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", choices=TESTS)
    parser.add_argument("--sample", type=int, help="how many mutants of a folder (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--survivors", action="store_true", help="judge only what survived before")
    which.add_argument("--resume", action="store_true", help="judge only what was not judged yet")
    which.add_argument("--count", action="store_true", help="judge nothing, count what was judged")
    options = parser.parse_args()
    for folder in options.folders:
        try_folder(folder, options)


if __name__ == "__main__":
    sys.exit(main())
