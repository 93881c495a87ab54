"""Work done by processes side by side, its results in order."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process, resource_tracker
from threading import Thread
from typing import TypeVar

from gspy_cli.errors import GspyError
from gspy_cli.workers import ENVIRONMENT

Result = TypeVar("Result")


def side_by_side(
    work: Callable[[int], Result], jobs: Sequence[int], *, workers: int
) -> Iterator[Result]:
    """Do the work on each job, here or in several processes; yield what it gives."""
    if workers <= 1:
        yield from map(work, jobs)
        return
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if sys.platform == "win32":
        workers = min(workers, 61)  # as many as can be waited for there
    _start_tracker()
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_end_early)
    try:
        yield from pool.map(work, jobs)
    except BrokenProcessPool:
        raise GspyError(
            "a simulating process was ended, perhaps for want of memory; the same "
            "command goes on, with fewer --workers too"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start_tracker() -> None:
    """Start the process that removes the pool's semaphores, whatever ends the others.

    Python lets it outlive Ctrl-C and SIGTERM, but not a terminal that is closed.
    """
    if hasattr(signal, "pthread_sigmask"):  # Windows has neither
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        try:
            resource_tracker.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_early() -> None:
    """Let Ctrl-C end this process without a word, and its parent's end too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
