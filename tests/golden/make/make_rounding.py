"""Write rounding.npz: a small layer rounded by AutoGPTQ's GPTQ, and blocks by HQQ's own library.

PYTHONPATH=tests python tests/golden/make/make_rounding.py

It needs torch, transformers, auto-gptq 0.7.1 and hqq. Of the first library two files run: what the
rest starts with needs a graphics card. GPTQ's lazy blocks are as long as its groups: where they are
longer, that library reads a group's scale off weights that are not corrected yet.
"""

import argparse
import importlib
import importlib.metadata
import sys
import types
from pathlib import Path

import numpy as np
import torch

from golden.readers.rounding_cases import GROUPS, TARGET, layer, wide_blocks


def only(package, distribution):
    """Let parts of an installed package be imported without the package's own start."""
    files = importlib.metadata.files(distribution)
    root = next(Path(f.locate()).parent for f in files if str(f) == f"{package}/__init__.py")
    for folder in (root, *(path for path in root.iterdir() if path.is_dir())):
        name = ".".join((package, *folder.relative_to(root).parts))
        module = types.ModuleType(name)
        module.__path__ = [str(folder)]
        sys.modules[name] = module


def by_gptq(Wt, H, group):
    """{"codes", "scale", "zero"}: 4 bits with a zero point, in groups along a row."""
    GPTQ = importlib.import_module("auto_gptq.quantization.gptq").GPTQ  # noqa: N806
    linear = torch.nn.Linear(Wt.shape[1], Wt.shape[0], bias=False)
    linear.weight.data = torch.from_numpy(Wt.copy())
    solver = GPTQ(linear)
    solver.H, solver.nsamples = torch.from_numpy(H.copy()), 1
    solver.quantizer.configure(4, perchannel=True, sym=False)
    scale, zero, _ = solver.fasterquant(blocksize=group, group_size=group)
    each = [part.repeat_interleave(group, dim=1) for part in (scale, zero)]
    codes = torch.round(linear.weight.data / each[0] + each[1])
    return {
        "codes": codes.numpy().astype(np.uint8), "scale": scale.numpy(), "zero": zero.numpy()
    }  # fmt: skip


def by_hqq(blocks):
    """(n, 1) zero points: the scale stays, and the offset moves."""
    optimize = importlib.import_module("hqq.core.optimize").optimize_weights_proximal_legacy
    start = torch.zeros(len(blocks), 1)
    _, _, zero = optimize(torch.from_numpy(blocks), start + 1, start, [0, 15], axis=1, device="cpu")
    return zero.numpy()


def main():
    only("auto_gptq", "auto-gptq")
    only("hqq", "hqq")
    torch.cuda.synchronize = torch.cuda.empty_cache = lambda *_: None
    Wt, H = layer()
    golden = {"Wt": Wt, "H": H.astype(np.int32), "blocks": wide_blocks()}
    for group in GROUPS:
        golden |= {f"{name}.{group}": part for name, part in by_gptq(Wt, H, group).items()}
    golden["zero"] = by_hqq(golden["blocks"])
    np.savez_compressed(TARGET, **golden)
    print(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    torch.set_num_threads(1)
    main()
