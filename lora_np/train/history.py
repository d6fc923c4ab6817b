"""What happened in a training run: a curve to look at, and numbers to keep."""

import contextlib
import time
from dataclasses import asdict, dataclass, field

from ..system.platform import cpu_seconds


@dataclass
class History:
    """Losses in nats a token, one entry a step; evaluations, and the seconds that steps took.

    `evaluations` holds {"step": steps done, name: held-out loss, …}. `seconds` on the clock and
    `cpu_seconds` of work, which a busy machine stretches less, leave out evaluation.
    `interrupted` says that Ctrl-C ended the run.
    """

    losses: list = field(default_factory=list)
    rates: list = field(default_factory=list)
    evaluations: list = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    interrupted: bool = False

    @contextlib.contextmanager
    def timed(self):
        start, cpu_start = time.perf_counter(), cpu_seconds()
        yield
        self.seconds += time.perf_counter() - start
        self.cpu_seconds += cpu_seconds() - cpu_start

    def as_dict(self):
        """Plain lists and numbers, ready for JSON; `History(**it)` is the same history again."""
        return asdict(self)

    def curve(self, name):
        """(steps, held-out losses) of one evaluation's name."""
        points = [(e["step"], e[name]) for e in self.evaluations if name in e]
        return [step for step, _ in points], [loss for _, loss in points]

    def plot(self, title="loss while training"):
        """A picture of the training loss, smoothed, and of every held-out loss."""
        from ..analysis import plots

        return plots.history_picture(self, title)
