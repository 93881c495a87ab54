"""Pictures to network inputs, here or in processes of their own.

Decoding holds Python's lock, so threads alone cannot keep many cores busy. And a file
that crashes its decoder takes only a reader with it.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError, PictureError
from gspy_cli.image import network_input, resize

Input = NDArray[np.uint8] | PictureError


@dataclass(frozen=True, slots=True)
class Order:
    """A picture to read, and the size (height, width) that its plot shall get.

    Where `is_plot`, what `load` gives is the plot already. To go to another process,
    `load` must be picklable.
    """

    load: Callable[[], NDArray[np.uint8]]
    size: tuple[int, int]
    is_plot: bool = False


def read(order: Order) -> Input:
    """Read one picture; give (height, width, 3), or why there is none."""
    convert = resize if order.is_plot else network_input
    height, width = order.size
    try:
        return convert(order.load(), height=height, width=width)
    except PictureError as error:
        return error


class Readers:
    """Reading processes, each for one thread at a time."""

    def __init__(self, count: int) -> None:
        self._free: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for _ in range(count):
            self._free.put(_start())

    def read(self, orders: Sequence[Order]) -> list[Input]:
        """Read pictures; one that ends its reader is found and refused.

        Raises
        ------
        GspyError
            No reader can be started.
        """
        inputs = self._try(orders)
        if inputs is not None:
            return inputs
        if len(orders) == 1:
            return [PictureError("the picture crashes the program that decodes it")]
        return [given for order in orders for given in self.read([order])]

    def close(self) -> None:
        """End the processes, once no thread uses them."""
        while not self._free.empty():
            _end(self._free.get())

    def _try(self, orders: Sequence[Order]) -> list[Input] | None:
        process = self._free.get()
        try:
            inputs = _ask(process, orders)
            if inputs is None:
                _end(process)
                process = _start()
                if _ask(process, []) is None:
                    raise GspyError("cannot start a reading process; use --workers 1")
            return inputs
        finally:
            self._free.put(process)


def _start() -> subprocess.Popen[bytes]:
    modules = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": modules, "OPENBLAS_NUM_THREADS": "1"},
        process_group=0,  # Ctrl-C is for the parent alone
    )


def _ask(
    process: subprocess.Popen[bytes], orders: Sequence[Order]
) -> list[Input] | None:
    """Have pictures read; None if the process is dead."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        pickle.dump(orders, process.stdin)
        process.stdin.flush()
        inputs: list[Input] = pickle.load(process.stdout)
    except (EOFError, OSError, pickle.UnpicklingError):
        return None
    return inputs


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _serve() -> None:
    """Be a reading process, until the parent closes the pipe or is dead."""
    results, sys.stdout = sys.stdout.buffer, sys.stderr
    while True:
        try:
            orders = pickle.load(sys.stdin.buffer)
            pickle.dump([read(order) for order in orders], results)
            results.flush()
        except (EOFError, OSError):
            os._exit(0)


if __name__ == "__main__":
    _serve()
