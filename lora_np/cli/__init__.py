"""The subcommands: each file adds its options to a parser, and runs."""

from . import (
    chat,
    check,
    compare,
    export,
    finetune,
    generate,
    grade,
    inspect,
    memory,
    merge,
    pretrain,
    real,
    site,
    sweep,
    tour,
)

ALL = (tour, pretrain, finetune, generate, chat, inspect, merge, export, memory, sweep, compare)
ALL += (real, check, grade, site)
