"""Pictures to network inputs, here or in processes of their own.

Decoding holds Python's lock, so threads alone cannot keep many cores busy. And a file
that crashes its decoder takes only a reader with it.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError, PictureError
from gspy_cli.image import network_input
from gspy_cli.workers import ENVIRONMENT

T = TypeVar("T")
Size = tuple[int, int]
Load = Callable[[], NDArray[np.uint8]]
Input = NDArray[np.uint8] | PictureError

SPARE = 32  # files that the rest of a run may have open

_NO_START = "cannot start a process to read pictures{}; is there memory for one?"


def attempt(load: Callable[[], T]) -> T | PictureError:
    """Load a picture, or give why it cannot be."""
    try:
        return load()
    except PictureError as error:
        return PictureError(str(error))  # without the frames, that hold a scan


def fit_to_size(pixels: Input, size: Size) -> Input:
    """Crop and resize a picture to (height, width), or give why that cannot be."""
    if isinstance(pixels, PictureError):
        return pixels
    height, width = size
    return attempt(lambda: network_input(pixels, height=height, width=width))


class Readers:
    """Reading processes, each for one thread at a time."""

    def __init__(self, count: int = 0) -> None:
        self.count = 0
        self._most = _most()
        self._all: list[_Reader] = []
        self._free: SimpleQueue[_Reader] = SimpleQueue()
        self.grow(count)

    def grow(self, count: int) -> None:
        """Start processes until there are so many, or as many as there is room for."""
        for _ in range(min(count, self._most) - self.count):
            try:
                reader = _Reader()
            except GspyError:
                if not self.count:
                    raise
                self._most = self.count
                return
            self._all.append(reader)
            self._free.put(reader)
            self.count += 1

    def read(self, loads: Sequence[Load], size: Size) -> list[Input]:
        """Read pictures, `loads` picklable; one that ends its reader is refused."""
        reader = self._free.get()
        try:
            inputs = reader.read(loads, size)
            if inputs is not None:
                return inputs
            alone = [reader.read([load], size) for load in loads]
        finally:
            self._free.put(reader)
        refused = PictureError("the picture crashes the program that decodes it")
        return [refused if given is None else given[0] for given in alone]

    def close(self) -> None:
        """End the processes; a thread that waits for a picture gets an error."""
        for reader in self._all:
            reader.stop()
        while not self._free.empty():
            self._free.get().end()


class _Reader:
    """A process that reads what it is told to and gives inputs, through pipes."""

    def __init__(self) -> None:
        self._process = _start()
        self._is_over = False

    def read(self, loads: Sequence[Load], size: Size) -> list[Input] | None:
        """Read pictures; if that ends the process, give None and start another."""
        inputs = self._ask(loads, size)
        if inputs is None:
            self.end()
            self._process = _start()
            if self._is_over or self._ask([], size) is None:
                self.end()
                raise GspyError(_NO_START.format(""))
        return inputs

    def stop(self) -> None:
        """End the process for good, whatever it is at."""
        self._is_over = True
        self._process.kill()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, loads: Sequence[Load], size: Size) -> list[Input] | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((loads, size), self._process.stdin)
            self._process.stdin.flush()
            return _receive(self._process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            return None


def _most() -> int:
    """Count the readers that can be: each holds the ends of two pipes open."""
    limit = os.sysconf("SC_OPEN_MAX") if hasattr(os, "sysconf") else -1
    return max(1, (limit - SPARE) // 2) if limit >= 0 else sys.maxsize  # no limit


def _start() -> subprocess.Popen[bytes]:
    modules = os.pathsep.join(path for path in sys.path if path)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | ENVIRONMENT | {"PYTHONPATH": modules},
            process_group=0,  # Ctrl-C is for the parent alone
        )
    except OSError as error:
        reason = f" ({error.strerror})" if error.strerror else ""
        raise GspyError(_NO_START.format(reason)) from None


def _serve() -> None:
    """Be a reading process, until the parent closes the pipe or is dead."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Windows has no groups of processes
    results, sys.stdout = sys.stdout.buffer, sys.stderr
    while True:
        try:
            loads, size = pickle.load(sys.stdin.buffer)
            _send([fit_to_size(attempt(load), size) for load in loads], results)
        except (EOFError, OSError):
            os._exit(0)


def _send(inputs: list[Input], stream: IO[bytes]) -> None:
    """Write inputs to a pipe; the pixels follow the pickle, to be copied less."""
    pixels: list[pickle.PickleBuffer] = []
    content = pickle.dumps(inputs, 5, buffer_callback=pixels.append)
    parts = [part.raw() for part in pixels]
    pickle.dump((content, [part.nbytes for part in parts]), stream)
    for part in parts:
        stream.write(part)
    stream.flush()


def _receive(stream: IO[bytes]) -> list[Input]:
    """Read what `_send` wrote; `EOFError` where its process ended before all was."""
    content, sizes = pickle.load(stream)
    parts = [bytearray(size) for size in sizes]
    for part in parts:
        if stream.readinto(part) < len(part):  # type: ignore[attr-defined]
            raise EOFError
    inputs: list[Input] = pickle.loads(content, buffers=parts)
    return inputs


if __name__ == "__main__":
    _serve()
