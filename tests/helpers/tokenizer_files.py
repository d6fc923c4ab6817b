"""Directories in transformers' form: a small Llama's settings, and a tokenizer of letters."""

import json

import numpy as np

from helpers.llamas import small_llama
from lora_np.checkpoint import save_llama
from lora_np.nn import LlamaConfig

MARKS = {"bos_token": "<s>", "eos_token": "</s>"}
LETTERS = "<unk> <s> </s> <pad> a b ab <|end|> <|endoftext|> \u0120 c".split(" ")
SPECIAL = [i for i, word in enumerate(LETTERS) if word.startswith("<")]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] + ':' + m['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
)
CONFIG = {
    "model_type": "llama",
    "vocab_size": 11,
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
}


def rules(around=None):
    """Its rules, in tokenizer.json's form; `around` is a post-processor's template, "<s> $A"."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, processors

    vocab = {word: i for i, word in enumerate(LETTERS)}
    made = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=[("a", "b")]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([LETTERS[i] for i in SPECIAL])
    if around:
        marks = [(LETTERS[i], i) for i in SPECIAL if LETTERS[i] in around]
        made.post_processor = processors.TemplateProcessing(single=around, special_tokens=marks)
    return made


def write_tokenizer(directory, around=None, template=None, **files):
    """Write tokenizer.json, and each of `files`: a name without .json, and the object in it."""
    directory.mkdir(parents=True, exist_ok=True)
    rules(around).save(str(directory / "tokenizer.json"))
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    if template is not None:
        (directory / "chat_template.jinja").write_text(template, encoding="utf-8")
    return directory


def write_llama(directory, **files):
    """A Llama's whole directory; its config.json with what `config` adds."""
    sizes = {k: v for k, v in CONFIG.items() if k != "model_type"}
    save_llama(small_llama(LlamaConfig(**sizes), np.float32), directory)
    saved = json.loads((directory / "config.json").read_text())
    config = {k: v for k, v in saved.items() if not k.endswith("_token_id")}
    files["config"] = config | files.get("config", {})
    return write_tokenizer(directory, **files)
