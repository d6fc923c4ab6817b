"""--out as a folder of a run or a model: nothing is written over, and refused work leaves none."""

import contextlib
import sys
from pathlib import Path

from ..system.files import make_directory, write_json
from ..system.json_text import parse_json
from ..train.resume import steps_done
from .options import digest_of

STATE, RUN = "state.safetensors", "run.json"
KEPT = (STATE, "results.json", "adapter_config.json", "config.json")  # of a run


@contextlib.contextmanager
def made(path):
    """`path` as a folder, made before the work; of work that ends in an error, the folders that
    were made for it go again where they are empty."""
    folder = Path(path)
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield make_directory(folder)
    except BaseException:
        for each in new:
            with contextlib.suppress(OSError):  # something is in it, or it was not made
                each.rmdir()
        raise


@contextlib.contextmanager
def empty_directory(out, name):
    """--out as a folder that is there and empty: nothing is written over.

    Raises: ValueError for one that holds something, or for none.
    """
    if not out:
        raise ValueError(f"{name} needs --out DIR: a new folder for the model")
    with made(out) as directory:
        if any(directory.iterdir()):
            raise ValueError(
                f"--out {out} holds files already; move it away, or name another folder"
            )
        yield directory


@contextlib.contextmanager
def run_directory(path, resume, steps):
    """--out as the folder of a run; one that holds a run only to `resume` it, for `steps` in all.

    A run that ends before its first state is written leaves nothing that was not there.
    Raises: ValueError for a run that would be overwritten, and for none to resume.
    """
    if resume:
        check_resumed(Path(path), steps)
    with made(path) as directory:
        kept = [name for name in KEPT if (directory / name).exists()]
        if kept and not resume:
            raise ValueError(
                f"--out {path} holds an earlier run ({', '.join(kept)}): go on with --resume, "
                "move it away, or name another folder"
            )
        there = (directory / RUN).exists()
        try:
            yield directory
        except BaseException:
            if not there and not (directory / STATE).exists():
                (directory / RUN).unlink(missing_ok=True)
            raise


def check_resumed(directory, steps):
    """Raise ValueError unless a run is there that `steps` steps in all go on from."""
    if not (directory / STATE).is_file():
        raise ValueError(
            f"--resume: {directory} holds no run to go on with ({STATE}); leave --resume out to "
            "begin one"
        )
    done = steps_done(directory / STATE)
    if done > steps:
        raise ValueError(
            f"--resume: the run is at step {done} already; --steps {steps} asks for fewer"
        )


def same_run(directory, resume, texts, **settings):
    """Keep in run.json what a run began with; with `resume`, raise ValueError where that differs.

    A state would fit another text, seed or rate as well, and the run would be neither. Other
    `steps` are allowed, to train for longer, and what they change is said.
    """
    now = {**settings, "sha256 of the texts": digest_of(texts)}
    path = directory / RUN
    if not (resume and path.exists()):
        write_json(path, now)
        return
    before = parse_json(path.read_text(encoding="utf-8"))
    steps, then = now.pop("steps", None), before.get("steps")
    differ = [f"{k} {before.get(k)}, now {now[k]}" for k in now if before.get(k) != now[k]]
    if differ:
        raise ValueError(
            f"--resume: {directory} was begun with {'; '.join(differ)}. Give the same again, or "
            "name another --out"
        )
    if then not in (None, steps):  # None: begun by a version that did not keep them
        word = "its learning rate goes on as it stands at that step of such a run"
        print(f"--resume: begun for {then} steps, now {steps}; {word}", file=sys.stderr)
