"""A wrong answer is an edit of the solution."""

from dataclasses import dataclass

from lora_np.course.classroom.masters import BEGIN, END


@dataclass(frozen=True)
class Edit:
    """In `exercise`'s solution `old` becomes `new`; `old` None: from the first mark to the last.

    `mistake` says in words what somebody got wrong, and `law` is a part of the statement of the
    law that must break.
    """

    exercise: str
    mistake: str
    old: str | None
    new: str
    law: str

    def apply(self, source):
        if self.old is None:
            head = source[: source.index(BEGIN)].rstrip(" ")
            return head + self.new + source[source.rindex(END) + len(END) :]
        solution = source[source.index(BEGIN) :]
        assert solution.count(self.old) == 1, f"{self}: {solution.count(self.old)} places"
        return source.replace(BEGIN, "").replace(END, "").replace(self.old, self.new)
