"""The small GPT, live in a page: a LoRA learns a text that somebody typed, one step at a time.

The page asks from a Web Worker, one question after another, so it stays free to draw.
"""

import json
import zlib

import numpy as np

from ...checkpoint.model import load_base
from ...generation.sampling import generate
from ...methods.low_rank.lora import LoRA
from ...objectives.cross_entropy import cross_entropy
from ...recipes.finetune import usual_rate
from ...system.json_text import parse_json
from ...tasks.text import Text
from ...tokenizers.byte import decode, encode
from ...train.loop import clip_gradients, held_out_loss, warmup_cosine
from ...train.optim import AdamW
from ...train.step import forward_backward

STEPS, BATCH, LENGTH, RANK = 100, 4, 64, 8  # a step of 4×64 tokens takes 0.3 s in WebAssembly
SHORTEST, PROMPT, SAMPLE = 20, 12, 90  # characters


class Live:
    """The base that comes with the package, a new LoRA on it, and the text that it learns."""

    def __init__(self, text, seed=0):
        tokens = encode(text)
        if tokens.size < SHORTEST:
            raise ValueError(f"type {SHORTEST} characters or more")
        rng, method = np.random.default_rng(seed), LoRA(rank=RANK, targets="all-linear")
        self.base, self.prompt = load_base(), tokens[:PROMPT]
        self.model = method.apply(self.base, rng)
        self.optimizer = AdamW(self.model.trainable_parameters(), usual_rate(method, self.base))
        self.text = Text("typed", tokens, tokens)
        self.length = min(LENGTH, tokens.size - 1)
        self.batches = self.text.batches(rng, BATCH, self.length)
        self.schedule, self.steps = warmup_cosine(STEPS, warmup=STEPS // 20), 0

    def about(self):
        """What there is before the first step."""
        trained = sum(p.size for p in self.model.trainable_parameters())
        all_base = sum(p.size for p in self.base.parameters())
        return {"trained": trained, "base": all_base, "steps": STEPS} | self.look(True)

    def step(self):
        """One step of training: the loss of its batch, before it."""
        self.optimizer.rate = self.schedule(min(self.steps, STEPS))
        loss = forward_backward(self.model, next(self.batches), cross_entropy)
        clip_gradients(self.optimizer.parameters, 1.0)
        self.optimizer.step()
        self.steps += 1
        return {"step": self.steps, "loss": float(loss)}

    def look(self, on):
        """With the LoRA on or off: the loss on the text, nats a character, and what is written."""
        model = self.model if on else self.base
        batches = self.text.held_out_batches(BATCH, BATCH, self.length)
        loss = held_out_loss(model, batches, cross_entropy)
        rng = np.random.default_rng(1)
        written = generate(model, self.prompt, SAMPLE, temperature=0.5, top_k=10, rng=rng)
        return {
            "loss": loss, "prompt": decode(self.prompt), "sample": decode(written[PROMPT:]),
            "bytes": self.fingerprint(),
        }  # fmt: skip

    def fingerprint(self):
        """A checksum of all bytes of the base's weights: CRC-32, as eight hexadecimal digits."""
        crc = 0
        for parameter in self.base.parameters():
            crc = zlib.crc32(np.ascontiguousarray(parameter.data), crc)
        return f"{crc:08x}"


LIVE = {}  # the one run of this page


def answer(name, state):
    """What the page asks, as JSON: "live.begin" {text}, "live.step", "live.look" {on}."""
    asked = parse_json(state)
    if name == "live.begin":
        LIVE["run"] = Live(asked["text"])
        return json.dumps(LIVE["run"].about())
    run = LIVE["run"]
    return json.dumps(run.step() if name == "live.step" else run.look(asked["on"]))
