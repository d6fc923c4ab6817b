"""Every law on every library's layers that is installed: results/conformance.json, and the table.

    python benchmarks/conformance/table.py            try them and write both
    python benchmarks/conformance/table.py --page     the page alone, from what is stored

It needs the extras `peers` and `classroom`; loralib, litgpt, torchtune, torchao, lora-pytorch,
lycoris-lora, keras and mlx-lm are tried where they are installed.
"""

import argparse
import importlib
import json
import platform
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lora_np.conformance import LAWS, check
from lora_np.conformance.ours import ALL

ROOT = Path(__file__).parents[2]
RESULTS, PAGE = (
    ROOT / "benchmarks" / "results" / "conformance.json",
    Path(__file__).with_name("TABLE.md"),
)
FILES = ("peft_subjects", "few_bits", "layers", "more_layers", "mlx_subjects")
MARKS = {"holds": "✓", "broken": "**✗**", "differs": "≠", "not applicable": ""}


def subjects():
    """Yield (library, subject) of what can be imported here."""
    yield from (("lora_np", ours) for ours in ALL)
    for name in FILES:
        try:
            module = importlib.import_module(name)
        except ImportError as missing:
            print(f"{name}: left out, {missing}", file=sys.stderr)
            continue
        yield from ((subject.library, subject) for subject in module.SUBJECTS)


def versions(libraries):
    found = {}
    for library in (*libraries, "torch", "transformers", "numpy", "hypothesis"):
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            pass
    return found


def tried(only, examples):
    """Yield {"library", "subject", "laws"} of each subject whose library is here."""
    for library, subject in subjects():
        name, start = subject.name, time.process_time()
        if only and not any(word in name for word in only):
            continue
        try:
            report = check(subject, examples=examples)
        except ImportError as missing:
            print(f"{name}: left out, {missing}", file=sys.stderr)
            continue
        yield {"library": library, **report.as_numbers()}
        counts = f"{len(report.holds)} hold, {len(report.broken)} broken"
        print(f"{name}: {counts}, {time.process_time() - start:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", help="subjects whose name has one of these in it")
    parser.add_argument("--examples", type=int, default=20, help="inputs tried a law")
    parser.add_argument("--page", action="store_true", help="the page alone, from what is stored")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    stored = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"subjects": []}
    rows = {row["subject"]: row for row in stored["subjects"]} if options.only else {}
    if not options.page:
        for row in tried(options.only, options.examples):
            rows[row["subject"]] = {**row, "examples": options.examples}
            numbers = {"versions": versions(dict.fromkeys(r["library"] for r in rows.values()))}
            numbers |= {"python": platform.python_version(), "processor": platform.machine()}
            numbers |= {"subjects": list(rows.values())}  # kept after each, for some take a minute
            text = json.dumps(numbers, indent=1, ensure_ascii=False)
            RESULTS.write_text(text + "\n", "utf-8")
    PAGE.write_text(page(json.loads(RESULTS.read_text("utf-8"))), "utf-8")


def page(numbers):
    from page import made

    return made(numbers, LAWS)


if __name__ == "__main__":
    main()
