"""python -m lora_np.worked_example: the document's 3×2 example in the terminal, step by step."""

import argparse
import json
import os
import sys

from ..system.hints import program
from .numbers import plain, run


def goes_on():
    """Wait for Enter at a terminal; q, Ctrl-C and the end of the input quit."""
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        return True  # nobody to wait for
    try:
        return input("   [Enter for the next step, q to quit] ").strip().lower() != "q"
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def make_parser():
    parser = argparse.ArgumentParser(
        prog=program("lora_np.worked_example"),
        description="The document's 3x2 example, step by step. Change a number, see what breaks.",
    )
    parser.add_argument("--alpha", type=float, default=2.0, help="LoRA's alpha (default 2)")
    parser.add_argument("--rank", type=int, default=1, help="LoRA's rank, 1 or 2 (default 1)")
    parser.add_argument("--lr", type=float, default=0.5, help="the learning rate (default 0.5)")
    parser.add_argument(
        "--target", type=float, nargs=2, default=[0.54, -0.19], metavar=("Y1", "Y2"),
        help="default: the document's misprint",
    )  # fmt: skip
    parser.add_argument("--step", action="store_true", help="pause at each step")
    parser.add_argument("--plot", metavar="FILE", help="draw W, s*dW and W' to an image file")
    parser.add_argument("--json", action="store_true", help="print every number as JSON instead")
    return parser


def main(arguments=None):
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        numbers = run(options.alpha, options.rank, options.lr, options.target)
    except ValueError as error:
        parser.error(str(error))
    if options.json:
        print(json.dumps(plain(numbers), indent=1))
    else:
        from .screen import screens

        first, *rest = screens(numbers)
        print(first)
        for screen in rest:
            if options.step and not goes_on():
                return
            print(screen)
    if options.plot:
        from ..analysis.plots import save
        from .figures import worked_example_figure

        try:
            save(worked_example_figure(numbers), options.plot)
        except (OSError, ValueError) as error:
            parser.error(f"cannot write {options.plot}: {error}")
        print(f"figure written to {options.plot}", file=sys.stderr)


if __name__ == "__main__":
    try:
        try:
            main()
        finally:  # argparse ends the process too, after --help
            if sys.stdout:
                sys.stdout.flush()
    except BrokenPipeError:  # | head has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit(130)
