"""What few bits do to SmolLM2-135M: formats by ways of rounding, on fixed prose that is held out.

    python benchmarks/tuning/real_formats.py [--windows 8] [--table]

Its file holds the layers in Q4_1 already, so the loss there is not a float model's, and two things
bias the comparison: Q4_1 itself costs next to nothing, and a format whose steps fall on the same
sixteen even numbers a block is flattered, while all others round what was rounded before. The
shipped base, whose weights are floats, is the clean one (`compare formats`). Each cell is kept in
results/real_formats.json as it ends, and the same command goes on from there.
"""

import argparse
import itertools
import json
import pathlib
import time
from functools import partial

import numpy as np

from lora_np.course.experiments.common import paired, text_table
from lora_np.course.experiments.conclusions import half_width
from lora_np.course.experiments.formats_world import NEAREST, ROUNDINGS, in_form
from lora_np.course.experiments.protocol import kernel
from lora_np.course.experiments.real.common import open_model
from lora_np.course.experiments.real_text import compare_batch
from lora_np.methods import round_base
from lora_np.nn.functional import log_softmax
from lora_np.quant import FORMATS
from lora_np.quant.calibrate import calibrate
from lora_np.system.files import write_json
from lora_np.system.process import prepare
from lora_np.tasks import text

TARGET = pathlib.Path(__file__).parents[1] / "results" / "real_formats.json"
ALL_WAYS = ("INT4", "NF4", "MXFP4", "NVFP4")
CELLS = [(form, NEAREST) for form in ("Q4_1", *ALL_WAYS, "Q4_0")]
CELLS += [(form, how) for form in ALL_WAYS for how in ROUNDINGS[1:]] + [("Q4_K", NEAREST)]
LENGTH, CALIBRATION = 64, 8  # tokens a window, and batches of four of them to look at


def held_out(base, tokenizer, windows):
    """[(batch of two windows, the base's log p)]: 25 MB each."""
    batches = text.prose(tokenizer).held_out_batches(windows, batch_size=2, length=LENGTH)
    return [(batch, log_softmax(base(batch.tokens))) for batch in batches]


def cost(model, held):
    """{"loss": less the base's, "kl": KL(base ‖ model)}, nats a token, each [a window's mean]."""
    found = {"loss": [], "kl": []}
    for batch, before in held:
        base_loss, loss, kl = compare_batch(model, batch, before)
        found["loss"] += (loss - base_loss).mean(axis=1).tolist()
        found["kl"] += kl.mean(axis=1).tolist()
    return found


def run(windows):
    """Whatever is not in the file yet."""
    settings = {"windows": windows, "length": LENGTH, "calibration": 4 * CALIBRATION}
    numbers = settings | {"kernel": kernel(), "base": None, "rows": {}}
    if TARGET.exists():
        kept = json.loads(TARGET.read_text("utf-8"))
        numbers = kept if settings.items() <= kept.items() else numbers
    todo = [cell for cell in CELLS if ", ".join(cell) not in numbers["rows"]]
    if not todo:
        return numbers
    base, tokenizer = open_model()
    held, inputs = held_out(base, tokenizer, windows), None
    numbers["base"] = float(np.mean([loss_of(batch, before) for batch, before in held]))
    for form, how in todo:
        if how in ("GPTQ", "AWQ") and inputs is None:
            reading = text.prose(tokenizer).batches(np.random.default_rng(7), 4, LENGTH)
            inputs = calibrate(base, itertools.islice(reading, CALIBRATION))
        start = time.process_time()
        model = round_base(base, partial(in_form, FORMATS[form], how, inputs))
        seconds = round(time.process_time() - start, 1)
        numbers["rows"][f"{form}, {how}"] = cost(model, held) | {"seconds": seconds}
        write_json(TARGET, numbers)
        print(f"{form}, {how}: {seconds} s", flush=True)
    return numbers


def loss_of(batch, before):
    return -np.take_along_axis(before, batch.targets[..., None], axis=-1).mean()


def table(numbers):
    """KL and loss of each cell with its interval over windows, and each way less the nearest."""
    rows = []
    for name, row in numbers["rows"].items():
        form, how = name.rsplit(", ", 1)
        kl, loss = (1e3 * np.array(row[what]) for what in ("kl", "loss"))
        nearest = 1e3 * np.array(numbers["rows"][f"{form}, {NEAREST}"]["kl"])
        against = "" if how == NEAREST else paired(kl, nearest, 0)
        cells = [f"{x.mean():.1f} ± {half_width(x):.1f}" for x in (kl, loss)]
        rows.append((name, f"{FORMATS[form].bits:.2f}", *cells, f"{row['seconds']:.0f}", against))
    titles = ("", "bits", "KL, 10⁻³ nats", "loss, 10⁻³", "CPU s", "  KL less the nearest's")
    lines = text_table(titles, rows, (20, 6, 18, 18, 7, 50))
    lines.append(
        f"Over the base as its file holds it, in Q4_1: {numbers['base']:.3f} nats a token on "
        f"{numbers['windows']} windows of {numbers['length']} tokens, ± 95 % over windows."
    )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=8)
    parser.add_argument("--table", action="store_true", help="only show what is stored")
    options = parser.parse_args()
    prepare()
    stored = options.table and json.loads(TARGET.read_text("utf-8"))
    print(table(stored or run(options.windows)))


if __name__ == "__main__":
    main()
