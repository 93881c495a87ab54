"""Ctrl-C: the first stops a command where it is, the second ends the process.

Python raises `KeyboardInterrupt` between any two instructions of the main thread. In a
destructor, or a callback of the garbage collector, it is reported and forgotten, and
the command would go on as if nobody had asked; here it is then raised again.
"""

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # the exit code of a shell's own commands: 128 + SIGINT
SOON_S = 0.01
KEPT = "what was finished is kept"


@contextmanager
def leaving(what: str) -> Iterator[None]:
    """Say what a command leaves that is stopped in this."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(what) from None


class Interruption:
    """What Ctrl-C has asked of this process."""

    def __init__(self) -> None:
        self.asked = self._lost = False

    def listen(self) -> None:
        """Take Ctrl-C from now on, unless the process was started to ignore it."""
        ours = signal.default_int_handler, signal.SIG_DFL  # see __main__
        if signal.getsignal(signal.SIGINT) in ours:
            signal.signal(signal.SIGINT, self._interrupt)
            sys.unraisablehook = self._notice

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked and not self._lost:
            os._exit(INTERRUPTED)
        self.asked, self._lost = True, False
        raise KeyboardInterrupt

    def _notice(self, ignored: "sys.UnraisableHookArgs", /) -> None:
        if ignored.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(ignored)
            return
        self._lost = True
        again = threading.Timer(SOON_S, _press)  # from here it would be lost again
        again.daemon = True
        again.start()


def _press() -> None:
    if hasattr(signal, "pthread_kill"):  # wakes a thread that reads, too
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()
