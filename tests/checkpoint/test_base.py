"""The small model that comes with the package."""

import numpy as np

from lora_np import cross_entropy
from lora_np.checkpoint import load_base
from lora_np.tasks import text
from lora_np.train import held_out_loss


def test_the_base_comes_with_the_package():
    """It loads with no network, and has read: far better than an even guess (5.55 nats)."""
    model = load_base()
    assert sum(p.size for p in model.parameters()) == 850_816
    assert model.wte.weight.dtype == np.float32
    batches = text.prose().held_out_batches(windows=8, batch_size=8)
    assert held_out_loss(model, batches, cross_entropy) < 2.5


def test_the_base_reads_from_later_positions_as_well():
    """Its windows stood anywhere, so 32 learned tokens before the text cost little."""
    model, tokens = load_base(), text.prose().held_out[None, :100].astype(np.int64)
    guesses = [model(tokens, position=at).argmax(-1)[0, :-1] for at in (0, 32, 64)]
    right = [(guess == tokens[0, 1:]).mean() for guess in guesses]
    assert min(right) > 0.3
