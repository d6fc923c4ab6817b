"""Project A, worked: does LoRA reach full fine-tuning on a text of ours, and what is forgotten?

    python notebooks/teacher/projects/a_own_text.py            run it: a few minutes
    python notebooks/teacher/projects/a_own_text.py --stored   show the stored runs

The text: the modules of Python's `encodings`, which are mostly tables of characters.
Before any run we wrote: *yes* if LoRA r 8's gain is above or not told apart from full
fine-tuning's, *no* if it is below; *less is forgotten* if its loss on prose rises less in pairs.
"""

import functools
import sys
from importlib.util import find_spec
from pathlib import Path

import worked

from lora_np.course.experiments.protocol import by_seed
from lora_np.methods import FullFineTuning, LoRA
from lora_np.tasks import text

NAME = "a_own_text"
QUESTION = "Does LoRA reach full fine-tuning on a text of ours, and what is forgotten?"
SETTINGS = worked.LONGER
FULL = "full fine-tuning"
WAYS = {
    FULL: (FullFineTuning(), 1e-3),
    "LoRA r 2": (LoRA(2, 16.0, "all-linear"), 1e-2),
    "LoRA r 8": (LoRA(8, 16.0, "all-linear"), 1e-2),
}


@functools.cache
def texts():
    """Our text in three parts, by module, and the prose that the base has read."""
    folder = Path(find_spec("encodings").origin).parent
    modules = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.py"))}
    return *worked.three_splits(text.split("encodings", modules)), text.prose()


def run(cell):
    ours, tune, test, prose = texts()
    model = worked.learnt(WAYS[cell["way"]][0], ours, cell)
    return {
        "validation": worked.loss(model, tune, cell),
        "trained": sum(p.size for p in model.trainable_parameters()),
        "gain": worked.loss(worked.base(), test, cell) - worked.loss(model, test, cell),
        "forgotten": worked.loss(model, prose, cell) - worked.loss(worked.base(), prose, cell),
    }


def claims(evidence):
    """{a difference in words: one number a seed}, in nats a byte."""
    return {
        f"{measure}: {way} less full": by_seed(evidence, way, measure)
        - by_seed(evidence, FULL, measure)
        for measure in ("gain", "forgotten")
        for way in WAYS
        if way != FULL
    } | {
        "gain: LoRA r 8 less LoRA r 2": by_seed(evidence, "LoRA r 8", "gain")
        - by_seed(evidence, "LoRA r 2", "gain")
    }


if __name__ == "__main__":
    worked.main(sys.modules[__name__])
