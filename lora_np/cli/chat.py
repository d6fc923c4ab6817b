"""python -m lora_np chat: talk with a real language model, with or without an adapter."""

import sys

from ..generation.chat import reply
from ..system.files import write_json
from ..system.process import prepare
from .options import add_adapter, add_base, add_sampling, open_adapted, sampling, show


def add(commands):
    parser = commands.add_parser(
        "chat",
        help="talk with a real language model (SmolLM2, 135 million weights)",
        description="Talk with a model that was taught to answer. An empty line or Ctrl-D ends it.",
    )
    add_base(parser, "smollm2")
    add_adapter(parser)
    parser.add_argument("--system", help="what the model is told first")
    parser.add_argument("--prompt", help="ask this, print the answer and end")
    add_sampling(parser, tokens=256, temperature=0.0)
    return parser


def run(options):
    if not options.prompt and (options.json or options.out):
        raise ValueError("--json and --out need --prompt: a talk has no one result")
    prepare(options.base)
    model, tokenizer = open_adapted(options)
    how = sampling(options)
    messages = [("system", options.system)] if options.system else []
    while True:
        text = options.prompt or ask()
        if not text:
            return
        messages.append(("user", text))
        answer = ""
        try:
            for piece in reply(
                model, tokenizer, messages, options.tokens or options.usual_tokens, **how
            ):
                if not options.json:
                    print(piece, end="", flush=True)
                answer += piece
        except KeyboardInterrupt:  # it ends the answer, and at the prompt the talk
            if options.prompt:
                raise
        numbers = {"prompt": text, "text": answer, "seed": options.seed}
        show(options, numbers, "")
        if options.out:
            write_json(options.out, numbers)
        if options.prompt:
            return
        messages.append(("assistant", answer))


def ask():
    """A line from the keyboard, or nothing at its end."""
    try:
        return input("> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        return ""
