"""Which rows an output holds already, in little memory: there may be millions."""

from array import array
from bisect import bisect_left
from functools import cached_property

import numpy as np

from gspy_cli.results import Key


class Done:
    """The rows of an output, by hashes of their keys; all are added first.

    A hash has 64 bits: that two of 10^7 keys share one has a chance of 3 in 10^6.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self._hashes, self._failed = array("q"), bytearray()
        self.__dict__.pop("_index", None)

    def add(self, key: Key, *, failed: bool) -> None:
        """Note a row."""
        self._hashes.append(hash(key))
        self._failed.append(failed)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._failed)

    def take(self, key: Key) -> bool | None:
        """Tell whether a row of this key failed; None where none is left.

        Each row counts once.
        """
        hashes, left, failed = self._index
        place = bisect_left(hashes, hash(key))
        if place == len(hashes) or hashes[place] != hash(key) or not left[place]:
            return None
        left[place] -= 1
        return bool(failed[place])

    @cached_property
    def _index(self) -> tuple[memoryview, memoryview, memoryview]:
        """Give the hashes in order; how often each is left, and if it failed."""
        rows = np.frombuffer(self._hashes, np.int64)
        hashes, counts = np.unique(rows, return_counts=True)
        failed = np.zeros(len(hashes), bool)
        those = rows[np.frombuffer(self._failed, bool)]
        failed[np.searchsorted(hashes, those)] = True
        return hashes.data, counts.data, failed.data
