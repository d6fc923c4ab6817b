"""python -m lora_np: the command line, thin over the library."""

import argparse
import sys

from . import commands
from .sweep import Unfinished


def make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m lora_np",
        description="LoRA and QLoRA in plain NumPy. With no command: the tour.",
        epilog="The 3x2 example step by step: python -m lora_np.worked_example --help",
    )
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    parsers = [parser]
    for command in commands.ALL:
        parsers.append(command.add(subparsers))
        parsers[-1].set_defaults(run=command.run)
    for each in parsers:
        each.add_argument("--seed", type=int, default=argparse.SUPPRESS,
                          help="the seed of every random number (default 0)")  # fmt: skip
        each.add_argument("--out", metavar="PATH", default=argparse.SUPPRESS,
                          help="write the results there")  # fmt: skip
        each.add_argument("--json", action="store_true", default=argparse.SUPPRESS,
                          help="print every number as JSON")  # fmt: skip
    return parser


def main(arguments=None):
    """Run one command; returns the exit status: 2 for bad input, 130 after Ctrl-C."""
    defaults = argparse.Namespace(run=commands.tour.run, seed=0, json=False, out=None)
    options = make_parser().parse_args(arguments, defaults)
    if hasattr(sys.stdout, "reconfigure"):  # a console that lacks a character shows a "?"
        sys.stdout.reconfigure(errors="replace")
    try:
        return options.run(options)
    except (ValueError, FloatingPointError, ImportError, OSError, Unfinished) as error:
        print(f"python -m lora_np: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
