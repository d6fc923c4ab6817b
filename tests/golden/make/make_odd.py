"""Write odd.npz: what transformers computes from the directories of readers/odd_files.py.

python tests/golden/make/make_odd.py        needs the `peers` extra
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).parents[2]))
from golden.readers.golden_hf import GOLDEN
from golden.readers.odd_files import EDITS, write

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    torch.set_num_threads(1)
    logits = {}
    for name in EDITS:
        with tempfile.TemporaryDirectory() as directory:
            tokens = torch.from_numpy(write(name, Path(directory)))
            model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
        with torch.no_grad():
            logits[name] = model(tokens).logits.numpy()
    np.savez_compressed(GOLDEN / "odd.npz", **logits)
