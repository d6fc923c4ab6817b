"""The subcommands: each file adds its options to a parser, and runs."""

from . import (
    chat,
    check,
    compare,
    convert,
    doctor,
    export,
    finetune,
    generate,
    grade,
    inspect,
    memory,
    merge,
    predictions,
    pretrain,
    real,
    site,
    sweep,
    tour,
    variants,
)

ALL = (tour, pretrain, finetune, generate, chat, inspect, doctor, convert, merge, export, memory)
ALL += (sweep, compare, real, check, grade, variants, predictions, site)
