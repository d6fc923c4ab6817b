"""Who is writing is known by a lock, which no number of a process in another container can fake."""

import os
import pathlib
import subprocess
import sys
import threading

import pytest

from lora_np.system.files import to_json, whole_file

pytest.importorskip("fcntl")  # without locks nothing is ever taken away


def folders(path):
    return sorted(path.glob(".lora_np.*"))


def test_a_folder_in_use_stays_and_an_abandoned_one_goes(tmp_path):
    abandoned = tmp_path / ".lora_np.abandoned.tmp"
    abandoned.mkdir()
    with whole_file(tmp_path / "a") as first:
        assert not abandoned.exists()
        with whole_file(tmp_path / "b") as second:  # finds the first one's folder, and leaves it
            assert first.exists() and len(folders(tmp_path)) == 2
            second.write_text("b")
        first.write_text("a")
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a", "b"]


def test_a_process_that_has_the_same_number_elsewhere_is_no_reason_to_delete(tmp_path):
    """A folder named after a process that is not running here, but whose writer holds its lock."""
    code = (
        "import sys; from lora_np.system.files import whole_file\n"
        "with whole_file(sys.argv[1]) as temporary:\n"
        "    print(temporary, flush=True); sys.stdin.read(); temporary.write_text('theirs')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "theirs"], env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    theirs = pathlib.Path(child.stdout.readline().strip()).parent
    with whole_file(tmp_path / "ours") as temporary:
        temporary.write_text("ours")
    assert theirs.exists()
    child.communicate("")
    assert (tmp_path / "theirs").read_text() == "theirs" and not folders(tmp_path)


def test_many_threads_write_one_file(tmp_path):
    def write(i):
        with whole_file(tmp_path / "file") as temporary:
            temporary.write_text(str(i) * 1000)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set((tmp_path / "file").read_text())) == 1 and not folders(tmp_path)


def test_what_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match="JSON cannot hold set"):
        to_json({"result": {1, 2}})
