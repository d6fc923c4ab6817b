"""python -m lora_np: the command line, thin over the library."""

import argparse
import json
import sys

from . import tour, worked_example


def tour_command(options):
    numbers = tour.run(options.seed)
    if options.json:
        print(json.dumps(worked_example.plain(numbers), indent=1))
    else:
        print(tour.screen(numbers))


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m lora_np",
        description="LoRA and QLoRA in plain NumPy. With no command: the tour.",
        epilog="The 3x2 example step by step: python -m lora_np.worked_example --help",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    tour_parser = commands.add_parser("tour", help="what LoRA does, on six numbers and on a layer")
    tour_parser.set_defaults(run=tour_command)
    for command in (parser, tour_parser):
        command.add_argument("--seed", type=int, default=argparse.SUPPRESS,
                             help="the seed of every random number (default 0)")  # fmt: skip
        command.add_argument("--json", action="store_true", default=argparse.SUPPRESS,
                             help="print every number as JSON")  # fmt: skip
    defaults = argparse.Namespace(run=tour_command, seed=0, json=False)
    options = parser.parse_args(arguments, defaults)
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())
