"""A tiny Llama that reads bytes in turns, and its tokenizer: the real model's stand-in."""

import numpy as np

from lora_np.nn import Llama, LlamaConfig
from lora_np.tokenizers.byte import decode, encode

START, END = 256, 257


class ByteTokenizer:
    """Bytes, and the two marks of a turn."""

    end, vocab_size = None, 258
    encode = staticmethod(encode)

    def special(self, mark):
        return {"<|im_start|>": START, "<|im_end|>": END}.get(mark)

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
