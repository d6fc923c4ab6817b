"""Write adamw_8bit.npz from bitsandbytes on a CPU: run with the `peers` extra, from the project's
root.

PYTHONPATH=tests python tests/golden/make/make_adamw_8bit.py
"""

import argparse
import os
import subprocess
import sys

MAPS = "import sys, bitsandbytes.functional as F; sys.stdout.buffer.write("
MAPS += "b''.join(F.create_dynamic_map(signed=s).numpy().tobytes() for s in (True, False)))"
maps = subprocess.run([sys.executable, "-c", MAPS], check=True, capture_output=True).stdout
# Below: products and sums rounded one by one, as NumPy's. That would change the maps as well
os.environ["ATEN_CPU_CAPABILITY"] = "default"

import bitsandbytes as bnb  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

from golden.readers.adamw_8bit_cases import SETTINGS, STEPS, TARGET, numbers  # noqa: E402


def main():
    w = torch.nn.Parameter(torch.from_numpy(numbers(0)))
    optimizer = bnb.optim.AdamW8bit([w], **SETTINGS)
    signed, unsigned = np.frombuffer(maps, np.float32).reshape(2, 256).copy()
    optimizer.name2qmap = {
        "dynamic": torch.from_numpy(signed), "udynamic": torch.from_numpy(unsigned),
    }  # fmt: skip
    golden = {"unsigned_map": unsigned}
    for step in range(1, STEPS + 1):
        w.grad = torch.from_numpy(numbers(step))
        optimizer.step()
        for name in ("state1", "state2", "absmax1", "absmax2"):
            golden[f"{name}.{step}"] = optimizer.state[w][name].numpy().copy()
    golden["w"] = w.detach().numpy()
    np.savez_compressed(TARGET, **golden)
    print(f"{TARGET.name}: bitsandbytes {bnb.__version__}, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    torch.set_num_threads(1)
    main()
