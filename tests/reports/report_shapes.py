"""Print, for every method: its lines, what it trains, its gradients' error, how far PEFT is off.

    PYTHONPATH=tests python tests/reports/report_shapes.py

Lines are those of its file; LoRA's and trainable tokens' maths is a second one beside it. Numbers
are those that learn on a GPT six wide, with small settings.
The gradient error is max|a − n| / max(|a|, |n|) of the worst tensor against finite differences in
float64, away from the start; a dash stands where backward is no derivative by definition (DoRA).
The golden columns are max|ours − PEFT's| / max|PEFT's| on the tiny Llama of
golden/make/make_shapes.py. "bytes" says whether what PEFT saved is loaded and saved again by us as
the same tensors, byte for byte.
"""

import argparse
import inspect
import tempfile
from pathlib import Path

import numpy as np

from contracts.method_cases import SINGLE
from golden.readers.golden_shapes import NAMES, SHAPES, adapted, differences
from helpers.models import CONFIG, moved, small_gpt, some_tokens
from helpers.safetensors_files import load_file
from lora_np.checkpoint import save_adapter
from lora_np.gradcheck import check_directional
from lora_np.methods import METHODS

WEIGHTS = "adapter_model.safetensors"


def case_of(kind):
    return next(c for c in SINGLE if type(c.build(CONFIG)[0]) is kind)


def gradient_error(case):
    if not case.exact:
        return "-"
    model = moved(
        case.apply(small_gpt(case.fitted(CONFIG)), np.random.default_rng(4)), spread=case.spread
    )
    return f"{max(check_directional(model, some_tokens(), step=1e-6).values()):.0e}"


def same_bytes(name):
    with tempfile.TemporaryDirectory() as directory:
        save_adapter(adapted(name), directory)
        ours, theirs = load_file(Path(directory) / WEIGHTS), load_file(SHAPES / name / WEIGHTS)
    return {n: t.tobytes() for n, t in ours.items()} == {n: t.tobytes() for n, t in theirs.items()}


def main():
    golden = {}
    for name in NAMES:
        golden.setdefault(type(adapted(name).methods[0]), []).append(name)
    columns = "lines", "learn", "gradient", "logits", "gradients", "merged", "bytes"
    print(f"{'method':20}" + "".join(f"{each:>10}" for each in columns))
    for kind in map(type, METHODS):
        case, lines = case_of(kind), len(inspect.getsource(inspect.getmodule(kind)).splitlines())
        model = case.apply(small_gpt(case.fitted(CONFIG)), np.random.default_rng(4))
        learn = sum(p.size for p in model.trainable_parameters())
        row = f"{kind.__name__:20}{lines:10}{learn:10}{gradient_error(case):>10}"
        for name in golden.get(kind, []):
            found = differences(name)
            cells = [f"{found[k]:.0e}" if k in found else "-" for k in columns[3:6]]
            row += "".join(f"{c:>10}" for c in cells) + f"{'yes' if same_bytes(name) else 'NO':>10}"
            print(f"{row}   {name if len(golden[kind]) > 1 else ''}".rstrip())
            row = " " * 50
        if kind not in golden:
            print(row)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
