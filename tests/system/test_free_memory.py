"""What a machine, a container and a process itself leave free."""

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
