"""Hypothesis's profiles, where nothing is timed, since a timed law would fail on a busy machine;
tests of the optional extras, which skip where theirs is not installed (`-m extra` runs those alone,
and then nothing is skipped); and how many processes `-n auto` is."""

import os
import sys

import pytest
from hypothesis import HealthCheck, Phase, settings

from helpers import forks
from lora_np.system.extras import has_extra

sys.modules.setdefault("rfc3987_syntax", None)  # two seconds of nbformat's import, and unused
untimed = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("lora_np", max_examples=20, print_blob=True, **untimed)
settings.register_profile("thorough", max_examples=500, print_blob=True, **untimed)
# For mutation testing: few examples, the same ones every time, and no shrinking of what fails.
fixed = {"derandomize": True, "database": None, "phases": [Phase.explicit, Phase.generate]}
settings.register_profile("mutation", max_examples=10, **fixed, **untimed)
settings.register_profile("webassembly", max_examples=3, **fixed, **untimed)  # ten times as slow
settings.load_profile("lora_np")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forks.begin_anew)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers():
    """A process a core, four at most: one may hold a gigabyte. Each multiplies on one thread, for
    threads that share a core wait for each other."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return min(os.cpu_count() or 1, 4)


@pytest.hookimpl(tryfirst=True)  # before `-m` is asked
def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("every_kernel"):
            item.add_marker("long")


def pytest_runtest_setup(item):
    if item.config.option.markexpr.startswith("extra"):
        return
    for mark in item.iter_markers("extra"):
        if not has_extra(mark.args[0]):
            pytest.skip(f"{mark.args[0]} is not installed: it is optional")
