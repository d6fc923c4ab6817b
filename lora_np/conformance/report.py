"""What came of trying the laws: one Outcome a law, and the Report on a subject."""

import textwrap
from dataclasses import dataclass, field

from .drawn import plain, shown
from .law import Law

HOLDS, BROKEN, DIFFERS, NOT_APPLICABLE = "holds", "broken", "differs", "not applicable"


@dataclass(frozen=True)
class Outcome:
    """A law's `status` on a subject: "holds", "broken", "differs" (documented) or "not applicable".

    Where it breaks: `inputs`, the smallest that hypothesis found, `what` was looked at, what came
    (`got`) and what was `expected`, and the likely `mistake`, which is "" where the subject raised
    an exception: `what` is that; else what the subject is `missing`.
    """

    law: Law
    status: str
    missing: tuple = ()
    inputs: dict = field(default_factory=dict)
    what: str = ""
    got: object = None
    expected: object = None
    mistake: str = ""
    documented: str = ""

    name = property(lambda self: self.law.name)

    def __str__(self):
        if self.status == HOLDS:
            return f"holds           {self.law.statement}"
        if self.status == NOT_APPLICABLE:
            return f"not applicable  {self.law.statement}  (no {', '.join(self.missing)})"
        lines = [f"{self.status.upper():<15} {self.law.statement}", *wrapped(self.law.reason)]
        lines.append(f"    {self.what}")
        if self.expected is not None:
            lines += [
                f"      came      {plain(self.got)}",
                f"      expected  {plain(self.expected)}",
            ]
        lines += [
            "    the smallest input found:",
            *(f"      {line}" for line in shown(self.inputs)),
        ]
        if self.documented:
            lines += wrapped(f"documented: {self.documented}")
        if self.mistake:  # an exception says itself what went wrong, and the law's guess is none
            lines += [*wrapped(f"likely: {self.mistake}"), f"    read: {self.law.lesson}"]
        return "\n".join(lines)

    def as_numbers(self):
        """As JSON holds it."""
        told = {"law": self.name, "group": self.law.group, "status": self.status}
        if self.status == NOT_APPLICABLE:
            return {**told, "missing": list(self.missing)}
        if self.status == HOLDS:
            return told
        told |= {"what": self.what, "got": listed(self.got), "expected": listed(self.expected)}
        told |= {"input": listed(self.inputs), "mistake": self.mistake, "lesson": self.law.lesson}
        return {**told, "documented": self.documented} if self.documented else told


@dataclass(frozen=True)
class Report:
    """The outcomes of all laws on one subject; `print` it, or ask for one by the law's name."""

    subject: str
    outcomes: list

    def of(self, status):
        return [outcome for outcome in self.outcomes if outcome.status == status]

    holds = property(lambda self: self.of(HOLDS))
    broken = property(lambda self: self.of(BROKEN))
    differs = property(lambda self: self.of(DIFFERS))
    not_applicable = property(lambda self: self.of(NOT_APPLICABLE))

    def __getitem__(self, name):
        return next(outcome for outcome in self.outcomes if outcome.name == name)

    def __str__(self):
        lines = [str(outcome) for outcome in self.holds]
        absent, lacking = self.not_applicable, {}
        for outcome in absent:
            lacking.setdefault(", ".join(outcome.missing), []).append(outcome.law.statement)
        for missing, statements in lacking.items():
            lines += ["", f"not applicable, for there is no {missing}:"]
            lines += wrapped("; ".join(statements))
        # What broke stands last, for a terminal shows the end.
        lines += [line for each in (*self.differs, *self.broken) for line in ("", str(each))]
        counts = [
            "1 law holds" if len(self.holds) == 1 else f"{len(self.holds)} laws hold",
            f"{len(self.broken)} broken",
            *([f"{len(self.differs)} differ, documented"] if self.differs else []),
            f"{len(absent)} do not apply",
        ]
        return "\n".join([*lines, "", f"{self.subject}: {', '.join(counts)}"])

    def as_numbers(self):
        """As JSON holds it."""
        return {"subject": self.subject, "laws": [each.as_numbers() for each in self.outcomes]}


def wrapped(text):
    return textwrap.wrap(text, 92, initial_indent="    ", subsequent_indent="      ")


def listed(value):
    if isinstance(value, dict):
        return {name: listed(part) for name, part in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value
