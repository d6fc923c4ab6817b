"""The question bank: notebooks/teacher/questions/NN_….md, a lesson a file, read and drawn.

    ## a-name-that-stays                     one question; its name is unique in the bank
    ```python
    r = pick(2, 4, 8)                        optional: what is drawn, and computed by the package
    ```
    How many numbers has A, (100, {{ r }})?  the question; {{ … }} is Python, by Jinja
    - [x] {{ 100 * r }}                      the right option, one
      A has a row for each input.            why it is right
    - [ ] {{ 100 + r }}                      a wrong one, two or more
      That adds where one multiplies.        why it tempts, and where it fails

`pick` takes one of its arguments. Other chance there is none, so that every variant of a question
can be gone through: `variants` does, and a test holds each.
"""

import re
import zlib
from dataclasses import dataclass, field

import jinja2
import numpy as np
from execute import HERE

import lora_np

FOLDER = HERE / "teacher" / "questions"
CODE = re.compile(r"\A\s*```python\n(.*?)```\n", re.S)
OPTION = re.compile(r"^- \[([x ])\] (.+?)\n((?:  .+\n?)+)", re.M)
JINJA = jinja2.Environment(undefined=jinja2.StrictUndefined)


@dataclass(frozen=True)
class Option:
    right: bool
    text: str
    why: str


@dataclass(frozen=True)
class Question:
    """As written: texts are templates of what `code` draws and computes."""

    lesson: str
    key: str
    code: str
    text: str
    options: tuple

    def drawn(self, pick):
        """The question with its numbers, `pick(*choices)` being who chooses."""
        names = {"np": np, "lora_np": lora_np, "pick": pick, "sig": sig}
        exec(compile(self.code, self.key, "exec"), names)

        def filled(text):
            return JINJA.from_string(text).render(names).strip()

        options = [Option(o.right, filled(o.text), filled(o.why)) for o in self.options]
        order = np.random.default_rng(zlib.crc32(self.key.encode())).permutation(len(options))
        return Question(
            self.lesson, self.key, "", filled(self.text), tuple(options[i] for i in order)
        )

    def variants(self):
        """Yield the question with each choice that its picks allow."""
        going = Odometer()
        while True:
            yield self.drawn(going.pick)
            if not going.turn():
                return


@dataclass
class Odometer:
    """Goes through all choices, whatever order they are asked in, as a counter goes through its.

    Each place is (which was taken, of how many)."""

    places: list = field(default_factory=list)
    at: int = 0

    def pick(self, *choices):
        if self.at == len(self.places):
            self.places.append((0, len(choices)))
        taken = self.places[self.at][0]
        self.at += 1
        return choices[taken]

    def turn(self):
        """Go on to the next choices; False after the last."""
        self.at = 0
        while self.places:
            taken, of = self.places.pop()
            if taken + 1 < of:
                self.places.append((taken + 1, of))
                return True
        return False


def sig(number, digits=3):
    """A number in so many significant digits, without an exponent: 0.0123, 1,230,000."""
    rounded = float(f"{number:.{digits - 1}e}")
    decimals = max(0, digits - 1 - int(np.floor(np.log10(abs(rounded))))) if rounded else 0
    return f"{rounded:,.{decimals}f}"


def chance(seed, key):
    """A `pick` that draws, the same for the same seed and question."""
    rng = np.random.default_rng([seed, zlib.crc32(key.encode())])
    return lambda *choices: choices[rng.integers(len(choices))]


def read(path):
    """The Questions of a file, in its order.

    Raises: ValueError, which names it, for a question that has not the form above.
    """
    lesson, made = path.stem.split("_")[0], []
    for piece in re.split(r"^## ", path.read_text("utf-8"), flags=re.M)[1:]:
        key, _, body = piece.partition("\n")
        code = CODE.match(body)
        body = body[code.end() :] if code else body
        text = body.split("\n- [")[0].strip()
        options = tuple(
            Option(mark == "x", words, re.sub(r"\s+", " ", why).strip())
            for mark, words, why in OPTION.findall(body + "\n")
        )
        right = sum(option.right for option in options)
        marks = len(re.findall(r"^- ", body, re.M))
        if not text or right != 1 or len(options) < 3 or len(options) != marks:
            raise ValueError(
                f"{path.name}, {key}: {marks} options, {len(options)} of them with a reason, "
                f"{right} right; a question needs its text, three or more, one right"
            )
        made.append(Question(lesson, key.strip(), code[1] if code else "", text, options))
    return made


def bank():
    """{path: its Questions}, in the order of the course."""
    return {path: read(path) for path in sorted(FOLDER.glob("[0-9]*.md"))}
