"""How much memory this process can still take."""

import os
import pathlib

from .platform import resource

CGROUP = pathlib.Path("/sys/fs/cgroup")


def free_bytes():
    """The least that any limit leaves, in bytes; None if none tells.

    Of the machine: free memory, with what files occupy, and swap, or all memory where the system
    tells no more. Of a container (psutil ignores it: issue 2100). Of this process (ulimit -v).
    """
    return min(filter(None, (_of_machine(), _of_container(), _of_process())), default=None)


def _of_machine():
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return 1024 * (kilobytes["MemAvailable"] + kilobytes.get("SwapFree", 0))
    except (OSError, KeyError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _of_container():
    try:
        limit = int((CGROUP / "memory.max").read_text())  # "max" where there is none
        used = int((CGROUP / "memory.current").read_text())
        lines = (CGROUP / "memory.stat").read_text().splitlines()
        files = {name: int(size) for name, size in map(str.split, lines)}["inactive_file"]
        return max(1, limit - used + files)
    except (OSError, KeyError, ValueError):
        return None


def _of_process():
    if resource is None:
        return None
    try:
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
        return max(1, limit - pages * resource.getpagesize())
    except (OSError, ValueError):
        return None
