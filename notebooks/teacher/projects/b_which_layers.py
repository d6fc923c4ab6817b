"""Project B, worked: which layers deserve the rank?

    python notebooks/teacher/projects/b_which_layers.py            run it: a few minutes
    python notebooks/teacher/projects/b_which_layers.py --stored   show the stored runs

Four divisions of 16,384 trainable parameters; the text is Python's library. Before any run we
wrote: a division *deserves* it if its loss is below rank 2 beside all layers in pairs; *not told
apart* means that any of them will do at this size.
"""

import functools
import sys

import worked

from lora_np.course.experiments.protocol import by_seed
from lora_np.methods import LoRA
from lora_np.tasks import text

NAME = "b_which_layers"
QUESTION = "Which layers deserve the rank?"
SETTINGS = worked.SHORT
BUDGET = 16_384
EVERYWHERE = "r 2, all layers"
LAYERS = ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")


def of_blocks(*blocks):
    return tuple(f"h.{block}.{layer}" for block in blocks for layer in LAYERS)


WAYS = {
    EVERYWHERE: (LoRA(2, 16.0, LAYERS), 1e-2),
    "r 8, attn.c_attn": (LoRA(8, 16.0, ("attn.c_attn",)), 1e-2),
    "r 4, upper two blocks": (LoRA(4, 16.0, of_blocks(2, 3)), 1e-2),
    "r 4, lower two blocks": (LoRA(4, 16.0, of_blocks(0, 1)), 1e-2),
}


@functools.cache
def texts():
    return worked.three_splits(text.code())


def run(cell):
    code, tune, test = texts()
    model = worked.learnt(WAYS[cell["way"]][0], code, cell)
    return {
        "validation": worked.loss(model, tune, cell),
        "trained": sum(p.size for p in model.trainable_parameters()),
        "loss": worked.loss(model, test, cell),
    }


def claims(evidence):
    """{a difference in words: one number a seed}, in nats a byte; below is better."""
    rest = by_seed(evidence, EVERYWHERE, "loss")
    return {
        f"loss: {way} less {EVERYWHERE}": by_seed(evidence, way, "loss") - rest
        for way in WAYS
        if way != EVERYWHERE
    }


if __name__ == "__main__":
    worked.main(sys.modules[__name__])
