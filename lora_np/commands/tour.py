"""python -m lora_np tour, also the command of no name: what a stranger sees first."""

from .. import tour, worked_example
from .common import prepare, show, write_json


def add(commands):
    return commands.add_parser("tour", help="what LoRA does, on six numbers, a layer and a model")


def run(options):
    prepare()
    numbers = tour.run(options.seed)
    plain = worked_example.plain(numbers)
    if options.out:
        write_json(options.out, plain)
    show(options, plain, tour.screen(numbers))
