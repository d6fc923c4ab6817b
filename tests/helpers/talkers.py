"""A tiny Llama that reads bytes in turns, and its tokenizer: the real model's stand-in."""

import re

import numpy as np

from lora_np.nn import Llama, LlamaConfig
from lora_np.tokenizers.byte import decode, encode
from lora_np.tokenizers.special_tokens import SpecialTokens

START, END = 256, 257
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


class ByteTokenizer:
    """Bytes, and the two marks of a turn."""

    end, vocab_size, marks = None, 258, {"<|im_start|>": START, "<|im_end|>": END}
    special_tokens = SpecialTokens(eos_token_id=(END,), chat_templates=(("default", CHATML),))
    special = staticmethod(marks.get)

    def encode(self, text, add_special_tokens=False):
        return encode(text)

    def encode_marked(self, text):
        parts = re.split(r"(<\|im_start\|>|<\|im_end\|>)", text)
        return np.array(
            [t for p in parts for t in ([self.marks[p]] if p in self.marks else encode(p))]
        )

    def decode(self, tokens):
        return decode([token for token in tokens if token < START])


def small_talker(seed=0):
    """(model, tokenizer)"""
    config = LlamaConfig(
        vocab_size=258,
        hidden_size=32,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=4096,
    )
    model = Llama(config, np.random.default_rng(seed))
    for parameter in model.parameters():
        if parameter.data.ndim == 2:
            parameter.data *= 10  # so that what it says depends on what it reads
    return model.freeze(), ByteTokenizer()
