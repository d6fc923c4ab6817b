"""python -m lora_np tour, also the command of no name: what a stranger sees first."""

from ..course import tour
from ..system.process import prepare
from ..system.progress import announced
from ..worked_example.numbers import plain
from .options import write_and_show


def add(commands):
    return commands.add_parser("tour", help="what LoRA does, on six numbers, a layer and a model")


def run(options):
    prepare()
    with announced("six numbers, a layer, a language model"):
        numbers = tour.run(options.seed)
    write_and_show(options, plain(numbers), tour.screen(numbers))
