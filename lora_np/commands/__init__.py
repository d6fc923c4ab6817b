"""The subcommands: each file adds its options to a parser, and runs."""

from . import compare, finetune, generate, inspect, memory, pretrain, tour

ALL = (tour, pretrain, finetune, generate, inspect, memory, compare)
