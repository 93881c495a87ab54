"""Which rows an output holds already, in little memory: there may be millions."""

import sys
from bisect import bisect_left
from functools import cached_property
from hashlib import blake2b

import numpy as np

from gspy_cli.results import Key


class Done:
    """The rows of an output, by digests of their keys; all are added first.

    A digest has 64 bits: that two of 10^7 keys share one has a chance of 3 in 10^6.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self._digests, self._failed = bytearray(), bytearray()
        self.__dict__.pop("_index", None)

    def add(self, key: Key, *, failed: bool) -> None:
        """Note a row."""
        self._digests += _digest(key)
        self._failed.append(failed)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._failed)

    def take(self, key: Key) -> bool | None:
        """Tell whether a row of this key failed; None where none is left.

        Each row counts once.
        """
        digests, left, failed = self._index
        digest = int.from_bytes(_digest(key), sys.byteorder)
        place = bisect_left(digests, digest)
        if place == len(digests) or digests[place] != digest or not left[place]:
            return None
        left[place] -= 1
        return bool(failed[place])

    @cached_property
    def _index(self) -> tuple[memoryview, memoryview, memoryview]:
        """Give the digests in order; how often each is left, and if it failed."""
        rows = np.frombuffer(self._digests, np.uint64)
        digests, counts = np.unique(rows, return_counts=True)
        failed = np.zeros(len(digests), bool)
        those = rows[np.frombuffer(self._failed, bool)]
        failed[np.searchsorted(digests, those)] = True
        return digests.data, counts.data, failed.data


def _digest(key: Key) -> bytes:
    return blake2b(repr(key).encode(), digest_size=8).digest()
