"""The subcommands: each file adds its options to a parser, and runs."""

from . import chat, compare, finetune, generate, grade, inspect, memory, pretrain, real, sweep, tour

ALL = (tour, pretrain, finetune, generate, chat, inspect, memory, sweep, compare, real, grade)
