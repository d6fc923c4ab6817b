"""Measure everything beside its peers, and write the reading into benchmarks/README.md.

    python benchmarks/peers/reading.py --peers PYTHON [--llama PYTHON]     on a quiet machine, about
                                                           half an hour
    python benchmarks/peers/reading.py --page              the page alone, from what is stored

PYTHON has the `peers` and `llm` extras, as has the Python that runs this: `compare_peers.py` for
each of KERNELS, then `real_model.py`, whose figures have the kernel in their names.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

from compare_peers import HERE, KERNELS, KINDS, RESULTS, key_of

from lora_np.system.files import whole_file

PAGE, REAL = HERE.parent / "README.md", RESULTS.with_name("real_model.json")
BEGIN, END = "<!-- reading: python benchmarks/peers/reading.py -->\n", "<!-- end of reading -->\n"
BOTH = {"best": "each side's best kernels", "Haswell": "AVX2 kernels on both sides"}


def measure(peers, llama):
    for kernel, variables in KERNELS.items():
        command = [sys.executable, str(HERE / "compare_peers.py"), "--kernel", kernel]
        subprocess.run(command, check=True)
        for what in (["step"], ["step", "--batch", "8", "--tokens", "128"], ["chat"]):
            kept = REAL.with_suffix(f".{kernel}.tmp")
            command = [sys.executable, str(HERE / "real_model.py"), *what, "--peers", peers]
            command += ["--llama", llama] if llama else []
            environment = os.environ | variables
            subprocess.run([*command, "--json", str(kept)], check=True, env=environment)
            found = {
                f"{name}, {BOTH[kernel]}": row for name, row in json.loads(kept.read_text()).items()
            }
            kept.unlink()
            with whole_file(REAL) as temporary:
                every = json.loads(REAL.read_text()) | found
                temporary.write_text(json.dumps(every, indent=1) + "\n")


def reading(rows, real):
    """A table for each kernel, under the machine's name, then the real model's figures."""
    lines = []
    for kernel, title in BOTH.items():
        here = [row for row in rows if key_of(row)[0] == kernel and row["kind"] in KINDS]
        machines = sorted({row.get("machine", "not recorded") for row in here})
        for machine in machines:
            lines += [f"**With {title}**, machine: {machine}. Ratios are time, ours / theirs.", ""]
            lines += ["| what | layers × d × T × B | ratio | quartiles | GF/s ours, theirs |"]
            lines += ["|---|---|---|---|---|"]
            lines += [line(row) for row in here if row.get("machine", "not recorded") == machine]
            lines += [""]
    for name, sides in real.items():
        sides = {side: row["ms"] for side, row in sides.items() if isinstance(row, dict)}
        if sides:
            said = ", ".join(f"{side} {ms:.0f} ms" for side, ms in sides.items())
            lines += [f"- SmolLM2-135M, {name}: {said}"]
    return "\n".join(lines).rstrip() + "\n"


def line(row):
    rates = "{:.0f}, {:.0f}".format(*row["rates"]) if "rates" in row else "–"
    sizes = " × ".join(map(str, row["shape"])) or "–"
    low, high = row["quartiles"]
    return f"| {row['kind']} | {sizes} | {row['ratio']:.2f} | {low:.2f} to {high:.2f} | {rates} |"


def page(text):
    """`text` with the reading between its two marks."""
    (before, rest), stored = text.split(BEGIN), (RESULTS, REAL)
    rows, real = (json.loads(path.read_text()) for path in stored)
    return before + BEGIN + "\n" + reading(rows, real) + "\n" + END + rest.split(END)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--peers", metavar="PYTHON", help="measure, with this Python for their side")
    parser.add_argument("--llama", metavar="PYTHON", help="with llama-cpp-python, for `chat`")
    how.add_argument("--page", action="store_true", help="write the page from what is stored")
    options = parser.parse_args()
    if options.peers:
        measure(options.peers, options.llama)
    text = page(PAGE.read_text(encoding="utf-8"))
    with whole_file(PAGE) as temporary:
        pathlib.Path(temporary).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
