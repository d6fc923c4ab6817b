"""pytest's plugin for WebAssembly: marks what cannot hold there, and prints what passed and failed
by cause. A marked test is run all the same, and one that passes is an error of cannot.py."""

import collections
import sys
import types

import js
import pytest

from webassembly.cannot import CANNOT, ENDS_PYTHON, NOT_COLLECTED


class Causes:
    """{cause: tests that failed of it}, {file: seconds of the processor}"""

    def __init__(self):
        self.outcomes, self.seconds = collections.Counter(), collections.Counter()
        self.causes = collections.defaultdict(list)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        begun = cpu_seconds()
        result = yield
        self.seconds[item.nodeid.split("::")[0]] += cpu_seconds() - begun
        return result

    def pytest_runtest_logreport(self, report):
        if report.skipped:
            expected = getattr(report, "wasxfail", None)
            self.add("cannot" if expected else "skipped", report, expected or report.longrepr[2])
        elif report.failed:
            self.add("failed", report, first_line(report))
        elif report.when == "call":
            self.outcomes["passed"] += 1

    def pytest_collectreport(self, report):
        if report.failed:
            self.add("failed", report, first_line(report))
        elif report.skipped:
            self.add("skipped", report, report.longrepr[2])

    def add(self, outcome, report, cause):
        self.outcomes[outcome] += 1
        self.causes[outcome, cause].append(report.nodeid)


def cpu_seconds():
    return js.process.cpuUsage().user / 1e6


def first_line(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr).strip().splitlines()[-1]
    return text.strip().splitlines()[0][:140]


CAUSES = Causes()
# Lessons are executed by a Jupyter kernel, and there is none; what only reads them is tested.
sys.modules["nbclient"] = types.ModuleType("nbclient")
sys.modules["nbclient"].NotebookClient = None


def pytest_addoption(parser):
    told = "of a test's parametrized cases, one in N, spread over all its parameters"
    parser.addoption("--one-in", type=int, default=1, metavar="N", help=told)


def pytest_configure(config):
    config.pluginmanager.register(CAUSES)


def pytest_ignore_collect(collection_path):
    for cause, names in NOT_COLLECTED.items():
        if collection_path.as_posix().endswith(names):
            CAUSES.outcomes["cannot"] += 1
            CAUSES.causes["cannot", cause].append(collection_path.name)
            return True


def pytest_collection_modifyitems(config, items):
    cases = collections.Counter()

    def chosen(item):
        """By the golden ratio, whose multiples fall into step with no parameter's number."""
        test = item.nodeid.partition("[")[0]
        cases[test] += 1
        return (cases[test] - 1) * 0.618034 % 1 < 1 / config.option.one_in

    items[:] = filter(chosen, items)
    for item in items:
        name = item.nodeid.removeprefix("tests/")
        for cause, starts in {**CANNOT, **ENDS_PYTHON}.items():
            if name.startswith(starts):
                run = cause not in ENDS_PYTHON
                item.add_marker(pytest.mark.xfail(reason=cause, run=run, strict=True))


def pytest_terminal_summary(terminalreporter):
    write = terminalreporter.write_line
    for (outcome, cause), tests in sorted(CAUSES.causes.items(), key=lambda each: -len(each[1])):
        write(f"{len(tests):5} {outcome}: {cause}   {tests[0]}")
        if outcome == "failed":
            for test in tests[1:]:
                write(f"{'':20}{test}")
    for file, seconds in CAUSES.seconds.most_common():
        write(f"{seconds:8.1f} s {file}")
    write(f"{cpu_seconds():8.1f} s in all, {sum(CAUSES.seconds.values()):.1f} in tests")
    write(", ".join(f"{count} {outcome}" for outcome, count in CAUSES.outcomes.items()))
