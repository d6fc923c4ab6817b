"""Project C, worked: what does a base in fewer bits cost, before and after training?

    python notebooks/teacher/projects/c_fewer_bits.py            run it: a few minutes
    python notebooks/teacher/projects/c_fewer_bits.py --stored   show the stored runs

NF4 in blocks of 64 and of 1024 against float32, each with the same LoRA; the text is Python's
library. Rounding has no seed, so a seed reports on its own fifth of the test part, before and
after: pairs read the same windows. Before any run we wrote: rounding *costs* if the loss is above
float32's in pairs; training *wins it back* if after it that is not told apart any more, and *wins
some back* if the cost is smaller after than before, in pairs.
"""

import functools
import sys
from dataclasses import replace

import numpy as np
import worked

from lora_np.course.experiments.protocol import by_seed
from lora_np.methods import LoRA, QLoRA
from lora_np.methods.low_rank.qlora import quantize_base
from lora_np.tasks import text

NAME = "c_fewer_bits"
QUESTION = "What does a base in fewer bits cost, before and after training?"
SETTINGS = worked.SHORT
EXACT = "float32"
NF4 = {
    "NF4, 64": {"block_size": 64},
    "NF4, 64, double": {"block_size": 64, "double_quant": True},
    "NF4, 1024": {"block_size": 1024},
}
WAYS = {EXACT: (LoRA(8, 16.0, "all-linear"), 1e-2)} | {
    way: (QLoRA(8, 16.0, "all-linear", **settings), 1e-2) for way, settings in NF4.items()
}


@functools.cache
def texts():
    return worked.three_splits(text.code())


@functools.cache
def before(way):
    """The base as training finds it."""
    return quantize_base(worked.base(), **NF4[way]) if way in NF4 else worked.base()


def run(cell):
    code, tune, test = texts()
    part = np.array_split(test.held_out, 5)[cell["seed"] % 5]
    part = replace(test, held_out=part)
    model = worked.learnt(WAYS[cell["way"]][0], code, cell)
    return {
        "validation": worked.loss(model, tune, cell),
        "trained": sum(p.size for p in model.trainable_parameters()),
        "before": worked.loss(before(cell["way"]), part, cell),
        "after": worked.loss(model, part, cell),
    }


def cost(evidence, way, when):
    return by_seed(evidence, way, when) - by_seed(evidence, EXACT, when)


def claims(evidence):
    """{a difference in words: one number a seed}, in nats a byte."""
    costs = {
        f"{when}: {way} less {EXACT}": cost(evidence, way, when)
        for when in ("before", "after")
        for way in NF4
    }
    return costs | {
        f"cost of {way}: after less before": cost(evidence, way, "after")
        - cost(evidence, way, "before")
        for way in NF4
    }


if __name__ == "__main__":
    worked.main(sys.modules[__name__])
