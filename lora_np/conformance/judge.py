"""Try laws on a subject: what holds, what breaks and for which smallest input."""

import contextlib
import importlib
import io
import traceback
import warnings
from pathlib import Path

import numpy as np

from ..system.checks import check_whole
from ..system.hints import did_you_mean
from . import drawn
from .law import Broken, Law, NotApplicable
from .report import BROKEN, DIFFERS, HOLDS, NOT_APPLICABLE, Outcome, Report
from .subject import Subject

GROUPS = "scale start gradients merge combine files qkv dora four_bits objectives".split()
LAWS = [
    law
    for group in GROUPS
    for law in vars(importlib.import_module(f"{__package__}.{group}")).values()
    if isinstance(law, Law)
]
EXAMPLES = 20  # inputs tried a law


def find(name):
    """The Law of this name, or of this statement, as a report prints it.

    Raises: ValueError if there is none, with the name that may be meant.
    """
    meant, names = "_".join(name.split()), [law.name for law in LAWS]
    if meant in names:
        return LAWS[names.index(meant)]
    near = did_you_mean(meant, names)
    if not near and (having := [each for each in names if meant and meant in each]):
        near = f"; did you mean {' or '.join(map(repr, having[:5]))}?"
    near = near or f"; there are {len(names)}, and a check that names none tells all of them"
    raise ValueError(f"there is no law {name!r}{near}")


def check(subject, laws=None, *, shrink=True, examples=EXAMPLES):
    """A Report: each law (by name in `laws`, or all) tried on the subject.

    `shrink` looks for the smallest input that breaks a law; without it, the first one is kept.
    `examples` are the inputs tried, the same ones every time.
    Raises: ValueError for a subject without functions or a law that there is not; ImportError
    without hypothesis, or without what the subject imports.
    """
    check_whole("check: expected examples", examples)
    subject = subject if isinstance(subject, Subject) else Subject(subject)
    laws = LAWS if laws is None else [find(law) if isinstance(law, str) else law for law in laws]
    with drawn.no_folder_left():
        return Report(subject.name, [judge(law, subject, shrink, examples) for law in laws])


def judge(law, subject, shrink=True, examples=EXAMPLES):
    """The Outcome of one law."""
    if missing := subject.lacks(law):
        return Outcome(law, NOT_APPLICABLE, missing=tuple(missing))
    last, told = {}, []

    def trial(inputs):
        last.clear()
        last.update(inputs)
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            try:
                law(subject, **inputs)
            except NotImplementedError as lack:  # of this input, perhaps of every one
                told.append(f"not implemented: {lack}")
                drawn.assume(False)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run(law, trial, shrink, examples)
    except NotApplicable as lack:
        return Outcome(law, NOT_APPLICABLE, missing=(str(lack),))
    except drawn.hypothesis().errors.Unsatisfiable:
        return Outcome(law, NOT_APPLICABLE, missing=tuple(told[:1]) or ("input that tells",))
    except Broken as broken:
        found = {"what": broken.what, "got": broken.got, "expected": broken.expected}
        mistake = broken.mistake or law.mistake
    except drawn.hypothesis().errors.Flaky:
        what = "the same input gave different results"
        found, mistake = {"what": what}, "chance, or something kept from one call to the next"
    except ImportError:  # the subject's library is not here, which says nothing about it
        raise
    except Exception as error:
        found, mistake = {"what": raised(error)}, ""
    else:
        return Outcome(law, HOLDS)
    documented = subject.differs.get(law.name, "")
    status = DIFFERS if documented else BROKEN
    return Outcome(law, status, inputs=last, mistake=mistake, documented=documented, **found)


def run(law, trial, shrink, examples):
    H = drawn.hypothesis()
    phases = [H.Phase.generate, *([H.Phase.shrink] if shrink else [])]
    settings = H.settings(
        derandomize=True, database=None, deadline=None, max_examples=examples, phases=phases,
        report_multiple_bugs=False, suppress_health_check=list(H.HealthCheck),
    )  # fmt: skip
    settings(H.given(law.inputs())(trial))()


def raised(error):
    """Which error, and the line that raised it unless that is ours."""
    said = f"{type(error).__name__}: {str(error)[:300]}"
    last = [f for f in traceback.extract_tb(error.__traceback__) if f.line][-1]
    ours = Path(last.filename).parent == Path(__file__).parent
    return said if ours else f"{said}, in the line: {last.line[:200]}"


def parametrize_with_laws(*subjects, laws=None):
    """Parameters for pytest: each law on each subject, as `def test_my_layer(law): law()`.

    What does not apply is skipped by name; where a subject says that it `differs`, the test is
    expected to fail, and has to.
    """
    import pytest

    wrapped = [Subject(subject) for subject in subjects]
    laws = LAWS if laws is None else [find(law) if isinstance(law, str) else law for law in laws]
    parameters = []
    for subject in wrapped:
        for law in laws:
            marks, missing = [], subject.lacks(law)
            if missing:
                marks = [pytest.mark.skip(reason=f"{subject.name} has no {', '.join(missing)}")]
            elif law.name in subject.differs:
                marks = [pytest.mark.xfail(reason=subject.differs[law.name], strict=True)]
            name = f"{subject.name}-{law.name}" if len(wrapped) > 1 else law.name
            parameters.append(pytest.param(asserted(law, subject), marks=marks, id=name))
    return pytest.mark.parametrize("law", parameters)


def asserted(law, subject):
    def test():
        outcome = judge(law, subject)
        if outcome.status in (BROKEN, DIFFERS):
            raise AssertionError(f"{subject.name}\n{outcome}")
        if outcome.status == NOT_APPLICABLE:
            import pytest

            pytest.skip(f"{subject.name} has no {', '.join(outcome.missing)}")

    return test
