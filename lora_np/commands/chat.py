"""python -m lora_np chat: talk with a real language model, with or without an adapter."""

import sys

import numpy as np

from ..chat import reply
from ..checkpoint import load_adapter, load_llama, load_tokenizer, smollm2_path
from ..methods.qlora import quantize_base
from ..train import reuse_memory
from .common import positive


def add(commands):
    parser = commands.add_parser(
        "chat",
        help="talk with a real language model (SmolLM2, 135 million weights)",
        description="Talk with a Llama that was taught to answer. An empty line or Ctrl-D ends it.",
    )
    parser.add_argument("--base", default="smollm2", metavar="PATH",
                        help="a GGUF file or a directory (default: smollm2)")  # fmt: skip
    parser.add_argument("--adapter", metavar="DIR", help="an adapter in PEFT's form")
    parser.add_argument("--nf4", action="store_true", help="hold the base in 4 bits, as QLoRA does")
    parser.add_argument("--system", help="what the model is told first")
    parser.add_argument("--prompt", help="ask this, print the answer and end")
    parser.add_argument("--tokens", type=positive, default=256, help="the longest answer")
    parser.add_argument("--temperature", type=float, default=0.0,
                        help="0 takes the likeliest token (default %(default)s)")  # fmt: skip
    parser.add_argument("--top-p", type=float, default=0.95, help="default %(default)s")
    return parser


def run(options):
    reuse_memory()
    path = smollm2_path() if options.base == "smollm2" else options.base
    model, tokenizer = load_llama(path).freeze(), load_tokenizer(path)
    if options.nf4:
        model = quantize_base(model, double_quant=True, int8_embeddings=True)
    if options.adapter:
        model = load_adapter(model, options.adapter)
    sampling = {"temperature": options.temperature, "top_p": options.top_p,
                "rng": np.random.default_rng(options.seed)}  # fmt: skip
    messages = [("system", options.system)] if options.system else []
    while True:
        text = options.prompt or ask()
        if not text:
            return
        messages.append(("user", text))
        answer = ""
        for piece in reply(model, tokenizer, messages, options.tokens, **sampling):
            print(piece, end="", flush=True)
            answer += piece
        print()
        if options.prompt:
            return
        messages.append(("assistant", answer))


def ask():
    """A line from the keyboard, or nothing at its end."""
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return ""
