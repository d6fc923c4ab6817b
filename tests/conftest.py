"""One hypothesis profile, with no deadline, since a timed law would fail on a busy machine; and
tests of the optional extras, which skip where theirs is not installed. `-m extra` runs those alone,
and then nothing is skipped."""

from importlib.util import find_spec

import pytest
from hypothesis import settings

settings.register_profile("lora_np", deadline=None, max_examples=50, print_blob=True)
settings.load_profile("lora_np")


def pytest_runtest_setup(item):
    if item.config.option.markexpr == "extra":
        return
    for mark in item.iter_markers("extra"):
        if find_spec(mark.args[0]) is None:
            pytest.skip(f"{mark.args[0]} is not installed: it is optional")
