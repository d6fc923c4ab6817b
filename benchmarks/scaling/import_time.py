"""`import lora_np` beside `import numpy`: fresh processes in turns, the median ratio, quartiles.

    python benchmarks/scaling/import_time.py [--rounds 40] [--json FILE]

A process's whole life is timed, from its start to its end. "Python apart" takes the time of one
that imports nothing off both sides.
"""

import argparse
import pathlib
import subprocess
import sys
import time

import numpy as np

from lora_np.system.files import write_json

CODES = ("pass", "import numpy", "import lora_np")


def seconds(code):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path)
    options = parser.parse_args()
    for code in CODES:  # the disk's cache, and the compiled files
        seconds(code)
    times = np.array([[seconds(code) for code in CODES] for _ in range(options.rounds)])
    bare, numpy, ours = times.T
    ratios = {"whole": ours / numpy, "python apart": (ours - bare) / (numpy - bare)}
    results = {name: np.quantile(r, [0.25, 0.5, 0.75]).tolist() for name, r in ratios.items()}
    for name, (low, median, high) in results.items():
        print(f"import lora_np / import numpy, {name:12}  {median:.3f}  ({low:.3f} - {high:.3f})")
    print("milliseconds:", dict(zip(CODES, (1e3 * np.median(times, axis=0)).round(1).tolist())))
    if options.json:
        write_json(options.json, {"rounds": options.rounds, "quartiles": results})


if __name__ == "__main__":
    main()
