"""python -m lora_np chat: talk with a real language model, with or without an adapter."""

import sys

import numpy as np

from ..chat import reply
from .common import add_adapter, add_base, open_adapted, positive, prepare


def add(commands):
    parser = commands.add_parser(
        "chat",
        help="talk with a real language model (SmolLM2, 135 million weights)",
        description="Talk with a Llama that was taught to answer. An empty line or Ctrl-D ends it.",
    )
    add_base(parser, "smollm2")
    add_adapter(parser)
    parser.add_argument("--system", help="what the model is told first")
    parser.add_argument("--prompt", help="ask this, print the answer and end")
    parser.add_argument("--tokens", type=positive, default=256, help="the longest answer")
    parser.add_argument("--temperature", type=float, default=0.0,
                        help="0 takes the likeliest token (default %(default)s)")  # fmt: skip
    parser.add_argument("--top-p", type=float, default=0.95, help="default %(default)s")
    return parser


def run(options):
    prepare(options.base)
    model, tokenizer = open_adapted(options)
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
