"""What this platform has. Nothing else in the package asks where it runs.

In WebAssembly, the form in which a browser runs Python, there is one thread and no process beside
it. Signals work. Its files lock nothing: a lock that somebody holds is granted to the next as well.
And no sum says that it overflowed: np.errstate(over="raise") raises nothing there. Its processor
time ends after 2³¹ microseconds, and from then on asking for it is an error.
"""

import sys
import time
from importlib import import_module

WEBASSEMBLY = sys.platform in ("emscripten", "wasi")
LINUX = sys.platform.startswith("linux")
HAS_THREADS = HAS_PROCESSES = HAS_FLOAT_FLAGS = not WEBASSEMBLY

cpu_seconds = time.perf_counter if WEBASSEMBLY else time.process_time


def in_page():
    """Whether this is a notebook in a web page: JupyterLite's kernel runs it."""
    return WEBASSEMBLY and "pyodide_kernel" in sys.modules


def usable(name, *needed):
    """The module `name`; None where it is missing, or stands there without what is needed.

    JupyterLite has empty modules in the place of some that Pyodide lacks.
    """
    try:
        module = import_module(name)
    except ImportError:
        return None
    return module if all(hasattr(module, each) for each in needed) else None


fcntl = None if WEBASSEMBLY else usable("fcntl", "flock")  # locks; None on Windows as well
resource = usable("resource", "getrlimit", "setrlimit")  # a process's limits; the same
