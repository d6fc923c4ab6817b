"""A mutant is judged in a fork (tests/mutation), and multiprocessing's helpers serve its parent."""

import os


def begin_anew():
    """Forget the helpers: the parent's have its code, which no mutant is in.

    Else the first process that a test starts is a ChildProcessError, and kills any mutant.
    """
    if "MUTANT_UNDER_TEST" in os.environ:
        from multiprocessing import forkserver, resource_tracker  # which WebAssembly lacks

        server, tracker = forkserver._forkserver, resource_tracker._resource_tracker
        server._forkserver_address = server._forkserver_alive_fd = server._forkserver_pid = None
        tracker._fd = tracker._pid = None
