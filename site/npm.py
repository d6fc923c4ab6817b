"""Packages of npm, each held to its hash; what a page needs of them is copied beside it."""

import base64
import hashlib
import subprocess
import tarfile
from pathlib import Path

CACHE = Path(__file__).resolve().parents[1] / "out" / "npm-cache"
INTEGRITY = {  # as npm states it, of the package that was looked at
    "mathjax@3.2.2": "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/"
    "O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw=="
}


def unpacked(package, cache=CACHE):
    """The files of `package`, a name@version of INTEGRITY, as a folder.

    Raises: ValueError if what npm sends is not what its hash says.
    """
    folder = cache / package
    if folder.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    sent = subprocess.run(
        ["npm", "pack", "--silent", package, "--pack-destination", str(cache)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    archive = cache / sent.stdout.split()[-1]
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != INTEGRITY[package]:
        raise ValueError(f"{package}: its SHA-512 is {digest}, expected {INTEGRITY[package]}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()
    return folder
