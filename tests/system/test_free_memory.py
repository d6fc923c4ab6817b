"""What a machine, a container and a process itself leave free."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from lora_np.system import free_memory
from lora_np.system.free_memory import free_bytes


def test_what_is_free(monkeypatch, tmp_path):
    """The least of what the machine, a container and the process itself leave; or None."""
    assert free_bytes() is None or free_bytes() > 0
    for name, text in {
        "memory.max": "5000\n",
        "memory.current": "3000\n",
        "memory.stat": "anon 2500\ninactive_file 400\n",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(free_memory, "CGROUP", tmp_path)
    assert free_bytes() == 5000 - 3000 + 400
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes() is None or free_bytes() > 5000
    for part, left in {"_of_machine": None, "_of_container": 7, "_of_process": 9}.items():
        monkeypatch.setattr(free_memory, part, lambda left=left: left)
    assert free_bytes() == 7
    monkeypatch.setattr(free_memory, "_of_container", lambda: None)
    monkeypatch.setattr(free_memory, "_of_process", lambda: None)
    assert free_bytes() is None


def test_what_the_machine_says_is_read_by_its_names(monkeypatch, tmp_path):
    """Available memory and swap, in kilobytes; where that is not told, all there is."""
    told = tmp_path / "meminfo"
    monkeypatch.setattr(free_memory, "pathlib", SimpleNamespace(Path=lambda name: told))
    sizes = {"SC_PHYS_PAGES": 3, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(free_memory, "os", SimpleNamespace(sysconf=sizes.__getitem__))
    told.write_text("MemTotal: 9 kB\nMemAvailable: 5 kB\nSwapFree: 2 kB\n")
    assert free_memory._of_machine() == 7 * 1024
    told.write_text("MemTotal: 9 kB\nMemAvailable: 5 kB\n")
    assert free_memory._of_machine() == 5 * 1024
    for text in ("MemTotal: 9 kB\n", "MemAvailable: many\n", "MemAvailable:\n"):
        told.write_text(text)
        assert free_memory._of_machine() == 3 * 4096


def test_what_a_process_may_take_is_its_limit_less_what_it_has(monkeypatch, tmp_path):
    told, limits = tmp_path / "statm", {"most": (5 * 4096, -1)}
    monkeypatch.setattr(free_memory, "pathlib", SimpleNamespace(Path=lambda name: told))
    own = {"RLIMIT_AS": "most", "RLIM_INFINITY": -1, "getpagesize": lambda: 4096}
    resource = SimpleNamespace(getrlimit=limits.__getitem__, **own)
    monkeypatch.setattr(free_memory, "resource", resource)
    told.write_text("2 1 1 1\n")
    assert free_memory._of_process() == 3 * 4096
    told.write_text("7 1 1 1\n")
    assert free_memory._of_process() == 1
    limits["most"] = (-1, -1)
    assert free_memory._of_process() is None


STATUS = Path("/proc/self/status")


@pytest.mark.skipif(not STATUS.exists(), reason="Linux says here how much a process has")
def test_what_a_process_has_is_what_linux_says_of_it(monkeypatch):
    real, limit = free_memory.resource, 2**60
    own = {name: getattr(real, name) for name in ("RLIMIT_AS", "RLIM_INFINITY", "getpagesize")}
    limited = SimpleNamespace(getrlimit=lambda _: (limit, limit), **own)
    monkeypatch.setattr(free_memory, "resource", limited)
    told = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    has = 1024 * int(told["VmSize"].split()[0])
    assert limit - free_memory._of_process() == pytest.approx(has, abs=2**24)
