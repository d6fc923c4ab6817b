"""The subcommands: each file adds its options to a parser, and runs."""

from . import chat, finetune, generate, memory, pretrain, tour

ALL = (tour, pretrain, finetune, generate, chat, memory)
