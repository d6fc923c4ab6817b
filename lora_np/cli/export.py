"""python -m lora_np export: a base in Hugging Face's form, wherever it comes from."""

from . import merge
from .out import any_folder

check_out = any_folder


def add(commands):
    parser = commands.add_parser(
        "export",
        help="a base (a GGUF file, say) as a folder in Hugging Face's form",
        description="Write a base as transformers reads it: from a GGUF file, smollm2, or the "
        "package's own. An adapter needs no export: its folder is PEFT's. One merged into its "
        "base: merge.",
    )
    merge.add_writing(parser)
    parser.set_defaults(adapter=None, nf4=False)
    return parser


run = merge.run
