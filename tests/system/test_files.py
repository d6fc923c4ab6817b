"""Who is writing is known by a lock, which no number of a process in another container can fake."""

import os
import pathlib
import subprocess
import sys
import threading

import pytest

from lora_np.system import files
from lora_np.system.files import make_directory, to_json, whole_file, whole_files

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


def test_a_directory_is_made_with_all_above_it_and_a_file_is_none(tmp_path):
    path = tmp_path / "a" / "b"
    assert make_directory(str(path)) == make_directory(path) == path and path.is_dir()
    (path / "file").touch()
    with pytest.raises(ValueError, match="file: expected a directory, found a file"):
        make_directory(path / "file")


def test_what_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match="JSON cannot hold set"):
        to_json({"result": {1, 2}})


def test_the_first_file_counts_for_all_and_is_away_while_the_others_change(tmp_path, monkeypatch):
    """Also what the new files would contradict; nothing need be there before."""
    paths, seen = [tmp_path / name for name in ("config", "a", "b")], []
    replace = os.replace

    def watched(temporary, path):
        seen.append((path.name, [p.name for p in paths if p.exists()], (tmp_path / "old").exists()))
        replace(temporary, path)

    monkeypatch.setattr(files.os, "replace", watched)
    for before in ([], ["config", "a", "b"]):
        (tmp_path / "old").touch()
        with whole_files(*paths, in_place_of=["old", "never there"]) as temporaries:
            for temporary in temporaries:
                temporary.write_text("new")
        others = [p for p in before if p != "config"]
        assert seen[0] == ("b", others, False)
        assert seen[-1] == ("config", ["a", "b"], False)
        assert [path.read_text() for path in paths] == ["new"] * 3
        seen.clear()
    with whole_file(paths[0]) as temporary:
        temporary.write_text("newer")
    assert seen == [("config", ["config", "a", "b"], False)]


def test_a_file_has_the_permissions_of_a_new_one_and_no_handle_stays_open(tmp_path):
    (tmp_path / "plain").touch()
    (tmp_path / ".lora_np.abandoned.tmp").mkdir()
    handle = os.open(tmp_path / "plain", os.O_RDONLY)  # the lowest that is free
    os.close(handle)
    with whole_file(tmp_path / "own") as temporary:
        temporary.chmod(0o600)  # as safetensors does
    assert (tmp_path / "own").stat().st_mode == (tmp_path / "plain").stat().st_mode
    again = os.open(tmp_path / "plain", os.O_RDONLY)
    os.close(again)
    assert again == handle
