"""Print what becomes of each configuration that PEFT writes: loaded, computed, written again.

    PYTHONPATH=tests python tests/reports/report_adapters.py

Gap: max|ours − theirs| / max|theirs| of the logits, PEFT's being stored (make_adapters.py).
Written: whether what is saved here has PEFT's names and bytes. Where torch and PEFT can be
imported, the last two columns are the gaps of PEFT's logits from ours: with what is written here,
and (as PEFT does not load all that it writes) with its own file.
"""

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

from golden.readers.adapters import (
    ARRAYS,
    BASES,
    CASES,
    gap,
    load_base,
    tensors_of,
    write,
    write_base,
)
from helpers.adapters import WEIGHTS
from helpers.safetensors_files import load_file
from lora_np.checkpoint import load_adapter, save_adapter

try:
    import peft
    import torch
    from transformers import AutoModelForCausalLM, logging
except ImportError:
    peft = None


def in_peft(base, adapter, tokens, rows):
    """The gap of PEFT's logits from those that it is given, or what it says."""
    tokens, logits = tokens
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if rows != model.config.vocab_size:
        model.resize_token_embeddings(rows, mean_resizing=False)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore")
            warnings.filterwarnings("error", "Found missing adapter keys")
            model = peft.PeftModel.from_pretrained(model, adapter).eval()
        with torch.no_grad():
            return f"{gap(model(torch.from_numpy(tokens)).logits.numpy(), logits):.1e}"
    except (KeyError, RuntimeError, UserWarning, ValueError, TypeError) as error:
        return type(error).__name__


def row(name, base, where, directory):
    """(the gap, whether the bytes are the same, PEFT's gap with our file and with its own)."""
    write(name, directory / "theirs")
    tokens = ARRAYS[f"{name}/tokens"].astype(np.int64)
    try:
        model = load_adapter(base, directory / "theirs")
    except ValueError as error:
        return str(error)[-60:], False, "", ""
    logits, rows = model(tokens), model.config.vocab_size
    save_adapter(model, directory / "ours")
    ours, theirs = load_file(directory / "ours" / WEIGHTS), tensors_of(name)
    same = ours.keys() == theirs.keys() and all(np.array_equal(ours[k], theirs[k]) for k in ours)
    both = ("ours", "theirs") if peft else ()
    gaps = [in_peft(where, directory / each, (tokens, logits), rows) for each in both]
    return gap(logits, ARRAYS[f"{name}/logits"]), same, *(gaps or ("", ""))


def main():
    if peft:
        torch.set_num_threads(1)
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as directory:
        directory, bases, found = Path(directory), {}, []
        for name in BASES:
            (directory / name).mkdir()
            write_base(name, directory / name)
            bases[name] = load_base(name, directory / name)
        head = "base", "gap", "written", "PEFT: ours", "its own"
        print(f"{'configuration':42}{head[0]:8}" + "".join(f"{each:>12}" for each in head[1:]))
        for i, (name, (base, *_)) in enumerate(CASES.items()):
            (directory / f"a{i}").mkdir()
            each = row(name, bases[base], directory / base, directory / f"a{i}")
            found.append(each)
            shown = f"{each[0]:.1e}" if isinstance(each[0], float) else each[0]
            same = "same bytes" if each[1] else "differs"
            print(f"{name:42}{base:8}{shown:>12}{same:>12}{each[2]:>12}{each[3]:>12}")
    loaded = [each for each in found if isinstance(each[0], float)]
    counts = (
        f"{len(loaded)} of {len(found)} load, largest gap {max(each[0] for each in loaded):.1e}"
    )
    print(f"\n{counts}; {sum(each[1] for each in found)} written with the same names and bytes")
    for title, column in (("what is written here", 2), ("its own files", 3)):
        gaps = [float(each[column]) for each in found if each[column][:1].isdigit()]
        if gaps:
            good = sum(g < 2e-5 for g in gaps)
            print(f"PEFT, {title}: {good} of {len(found)} with the same logits (2e-5)")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    sys.exit(main())
