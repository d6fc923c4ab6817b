"""python -m lora_np generate: text from the base, or from a fine-tuned model."""

import numpy as np

from ..generation.sampling import stream
from ..system.files import whole_file
from ..system.process import prepare
from ..tokenizers.special_tokens import prompt_tokens, stop_tokens
from .options import add_adapter, add_base, add_sampling, how_many, open_adapted, sampling, show


def add(commands):
    parser = commands.add_parser(
        "generate",
        help="continue a prompt",
        description="Continue a prompt, one token (for the base: one byte) after another. The base "
        "has read one manual: expect its tone, not its truth.",
    )
    parser.add_argument("--prompt", default="The ", help="the text to continue (default 'The ')")
    add_base(parser)
    add_adapter(parser)
    add_sampling(parser, tokens=120, temperature=0.8)
    return parser


def run(options):
    prepare(options.base)
    model, tokenizer = open_adapted(options)
    prompt = prompt_tokens(tokenizer, options.prompt)
    stop, many = stop_tokens(tokenizer), how_many(options, model, len(prompt))
    new = stream(model, np.array(prompt, np.int64), many, stop=stop, **sampling(options))
    new = [token for token in new if token not in stop]
    reply = tokenizer.decode(new)
    if options.out:
        with whole_file(options.out) as temporary:
            text = options.prompt + reply
            temporary.write_text(text, encoding="utf-8", errors="surrogateescape")  # as typed
    numbers = {"prompt": options.prompt, "text": reply, "tokens": len(new), "seed": options.seed}
    show(options, numbers, options.prompt + reply)
