"""python -m lora_np merge and export: a whole model in Hugging Face's form."""

from ..checkpoint import save_model
from ..checkpoint.shards import shard_size
from ..methods import merge
from ..system.hints import command
from ..system.progress import waiting
from .folders import empty_directory
from .options import add_adapter, add_base, open_adapted, show
from .out import any_folder

check_out = any_folder

DTYPES = ("float32", "float16", "bfloat16")


def add(commands):
    parser = commands.add_parser(
        "merge",
        help="a base with its adapter in its weights, as a model of its own",
        description="Add an adapter to its base's weights: a model that needs neither adapter nor "
        "method, in Hugging Face's form, for transformers and for --base. It computes the same, "
        "to rounding. What acts as no dense weight (prefix, prompt, bottleneck) cannot be merged.",
    )
    add_writing(parser)
    add_adapter(parser, required=True)
    return parser


def add_writing(parser):
    add_base(parser)
    halves = "float16 and bfloat16 halve the file, and round (default %(default)s)"
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help=halves)
    several = "write several files of at most this size, as 2GB (default: one file)"
    parser.add_argument("--max-shard-size", metavar="SIZE", help=several)


def run(options):
    shard_size(options.max_shard_size)
    with empty_directory(options.out, options.command) as directory:
        model, tokenizer = open_adapted(options)
        merged = merge(model)
        with waiting(f"writing {directory}"):
            save_model(merged, tokenizer, directory, options.dtype, options.max_shard_size)
    size = sum(path.stat().st_size for path in directory.iterdir())
    numbers = {"model": repr(merged), "out": str(directory), "bytes": size, "dtype": options.dtype}
    use = command("generate", "--base", directory)
    screen = f"{merged!r}\nwrote {directory}, {size / 1e6:.1f} MB in {options.dtype}; try: {use}"
    show(options, numbers, screen)
