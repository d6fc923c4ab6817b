"""python -m lora_np generate: text from the base, or from a fine-tuned model."""

import numpy as np

from ..files import whole_file
from ..generate import stream
from ..tasks import text
from .common import open_model, positive, prepare, show


def add(commands):
    parser = commands.add_parser(
        "generate",
        help="continue a prompt",
        description="Continue a prompt, byte by byte. The base read one manual: expect its tone, "
        "not its truth.",
    )
    parser.add_argument("--prompt", default="The ", help="the text to continue (default 'The ')")
    parser.add_argument("--base", metavar="DIR", help="a model directory that finetune wrote")
    parser.add_argument("--tokens", type=positive, default=120, help="how many bytes at most")
    parser.add_argument("--temperature", type=float, default=0.8,
                        help="0 takes the likeliest byte (default %(default)s)")  # fmt: skip
    parser.add_argument("--top-p", type=float, default=0.95, help="default %(default)s")
    return parser


def run(options):
    prepare()
    model = open_model(options.base)
    if model.config.vocab_size != text.VOCABULARY:
        raise ValueError(
            f"--base {options.base}: it has {model.config.vocab_size} tokens, and these commands "
            f"read bytes ({text.VOCABULARY} tokens)"
        )
    prompt = np.concatenate([[text.END], text.encode(options.prompt)])
    rng = np.random.default_rng(options.seed)
    new = [
        token
        for token in stream(
            model, prompt, options.tokens, temperature=options.temperature, top_p=options.top_p,
            rng=rng, stop=text.END,
        )
        if token != text.END
    ]  # fmt: skip
    reply = text.decode(new)
    if options.out:
        with whole_file(options.out) as temporary:
            temporary.write_text(options.prompt + reply, encoding="utf-8")
    numbers = {"prompt": options.prompt, "text": reply, "tokens": len(new), "seed": options.seed}
    show(options, numbers, options.prompt + reply)
