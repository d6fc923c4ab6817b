"""Print how far Llama is from transformers, for each architecture and dtype.

    PYTHONPATH=tests python tests/reports/report_architectures.py

Logits: max|ours − theirs| / max|theirs|; gradients: the same for each tensor, the largest. In
float64 transformers' gradients are kept in float32, so theirs have an error of 6e-8 themselves.
"""

import argparse
import tempfile
from pathlib import Path

from golden.readers.architectures import CASES, differences, write

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    print(
        f"{'':<26}{'float64: logits':>16}{'gradients':>11}{'float32: logits':>18}{'gradients':>11}"
    )
    for name in CASES:
        with tempfile.TemporaryDirectory() as directory:
            write(name, Path(directory))
            gaps = [differences(name, directory, dtype) for dtype in ("float64", "float32")]
        exact, single = ((gap["logits"], gap["gradients"]) for gap in gaps)
        print(f"{name:<26}{exact[0]:>16.1e}{exact[1]:>11.1e}{single[0]:>18.1e}{single[1]:>11.1e}")
