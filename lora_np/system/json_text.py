"""Reading JSON that nobody vouches for."""

import json
import re

import numpy as np

DEEPEST = 127  # brackets in brackets, as deep as the parser of safetensors and tokenizers reads
STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)  # or what only begins as one


def parse_json(text, **options):
    """What a JSON text or its bytes say; `options` are json.loads's.

    Raises: ValueError where it is not JSON, or is nested deeper than DEEPEST, which is found before
    it is parsed: a parser calls itself for each bracket, and the end of the stack can be the end of
    the process (in WebAssembly from some 10,000 on).
    """
    if isinstance(text, bytes | bytearray):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    check_nesting(text)
    return json.loads(text, **options)


def check_nesting(text):
    """Raise ValueError for a text that is nested deeper than DEEPEST."""
    if (depth := nesting(text)) > DEEPEST:
        raise ValueError(f"nested {depth:,} deep, expected at most {DEEPEST}")


def nesting(text):
    """How many brackets are open at once where most are; at least as many as a parser meets."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return 0
    marks = np.frombuffer(STRING.sub("", text).encode(errors="replace"), np.uint8)
    opened = (marks == ord("[")) | (marks == ord("{"))
    closed = (marks == ord("]")) | (marks == ord("}"))
    steps = opened.astype(np.int8) - closed.astype(np.int8)
    return int(np.cumsum(steps[steps != 0], dtype=np.int64).max(initial=0))
