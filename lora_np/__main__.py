# PYTHON_ARGCOMPLETE_OK
"""python -m lora_np, also installed as `lora-np`: the command line, thin over the library."""

import argparse
import io
import os
import re
import sys

from . import __version__, cli
from .cli.options import keeps_nothing, whole
from .cli.out import new_file
from .recipes.sweep import Unfinished
from .system.extras import has_extra, import_extra
from .system.hints import command, did_you_mean, program
from .system.process import interrupts_end_all


class Parser(argparse.ArgumentParser):
    """argparse's, which says of a wrong name or option which one may have been meant."""

    def error(self, message):
        names = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)$", message)
        unknown = re.search(r"unrecognized arguments: (--[\w-]+)", message)
        if names:
            message += did_you_mean(names[1], re.findall(r"[\w.-]+", names[2]))
        elif unknown:
            options = [name for action in self.known() for name in action.option_strings]
            message += did_you_mean(unknown[1], options)
        super().error(message)

    def exit(self, status=0, message=None):
        """Also where nobody reads the help to its end, as of `--help | head -1`."""
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            drop_output()
        super().exit(status, message)

    def known(self):
        """Every option of this command, or of all commands."""
        for action in self._actions:
            yield action
            if isinstance(action, argparse._SubParsersAction):
                for each in action.choices.values():
                    yield from each._actions


def make_parser():
    parser = Parser(
        prog=program(),
        description="LoRA and QLoRA in plain NumPy. With no command: the tour.",
        epilog="The 3x2 example step by step: "
        + command("--help", module="lora_np.worked_example"),
    )
    parser.add_argument("--version", action="version", version=f"lora_np {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    parsers = [parser]
    for each in cli.ALL:
        parsers.append(each.add(subparsers))
        how = {"kept": keeps_nothing, "check_out": new_file}
        how = {name: getattr(each, name, usual) for name, usual in how.items()}
        parsers[-1].set_defaults(run=each.run, **how)
    for each in parsers:  # so an option may stand before the command or behind it
        add = each.add_argument_group("of every command", argument_default=argparse.SUPPRESS)
        add.add_argument(
            "--seed", type=whole(0), help="the seed of every random number (default 0)"
        )
        add.add_argument("--out", metavar="PATH", help="write the results there")
        add.add_argument("--json", action="store_true", help="print every number as JSON")
    return parser


def main(arguments=None):
    """Run one command; returns the exit status: 2 for bad input, 130 after Ctrl-C, 141 where what
    it prints is no longer read."""
    open_streams()
    typed = sys.argv[1:] if arguments is None else arguments
    defaults = {"run": cli.tour.run, "kept": keeps_nothing, "check_out": new_file}
    defaults |= {"seed": 0, "json": False, "out": None, "plot": None}
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ and has_extra("argcomplete"):  # the Tab key asks
        import_extra("argcomplete").autocomplete(parser)
    options = parser.parse_args(arguments, argparse.Namespace(**defaults, typed=typed))
    if hasattr(sys.stdout, "reconfigure"):  # a console that lacks a character shows a "?"
        sys.stdout.reconfigure(errors="replace")
    try:
        if options.out:
            options.check_out("--out", options.out)
        if options.plot:
            new_file("--plot", options.plot)
        with interrupts_end_all(options.kept is not cli.finetune.kept):  # those that can resume
            status = options.run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # as of `… | head`
        drop_output()
        return 141
    except (ValueError, FloatingPointError, ImportError, OSError, Unfinished) as error:
        return say(error)
    except MemoryError as error:
        return say(f"there is not enough memory: {error}; try a smaller size")
    except KeyboardInterrupt:
        print(f"\nInterrupted. {options.kept(options)}", file=sys.stderr)
        return 130


def say(error):
    print(f"{program()}: error: {error}", file=sys.stderr)
    return 2


def drop_output():
    """Let Python's last flush go nowhere: what it would write to is no longer read."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_streams():
    """Where input or output was closed (`<&-`, `>&-`), read nothing and write nowhere."""
    sys.stdin = sys.stdin or io.StringIO()
    sys.stdout = sys.stdout or io.StringIO()
    sys.stderr = sys.stderr or io.StringIO()


if __name__ == "__main__":
    sys.exit(main())
