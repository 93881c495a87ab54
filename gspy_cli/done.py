"""Which rows an output holds already, in little memory: there may be millions."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np

from gspy_cli.results import Key

DIGEST = 16  # bytes; that two of 10^9 keys have the same has a chance of 10^-21


@dataclass(frozen=True, slots=True)
class _Index:
    """Digests in order, in two halves; how often each is left, and if it failed."""

    high: memoryview
    low: memoryview
    left: memoryview
    failed: memoryview

    def find(self, key: Key) -> int | None:
        digest = _digest(key)
        high, low = (int.from_bytes(half, "big") for half in (digest[:8], digest[8:]))
        place = bisect_left(self.high, high)
        while place < len(self.high) and self.high[place] == high:
            if self.low[place] == low:
                return place
            place += 1
        return None


class Done:
    """The rows of an output, by the digests of their keys; all are added first."""

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
        place = self._index.find(key)
        if place is None or not self._index.left[place]:
            return None
        self._index.left[place] -= 1
        return bool(self._index.failed[place])

    @cached_property
    def _index(self) -> _Index:
        halves = np.frombuffer(self._digests, ">u8").astype(np.uint64).reshape(-1, 2)
        order = np.lexsort((halves[:, 1], halves[:, 0]))
        halves = halves[order]
        is_new = np.ones(len(halves), bool)
        is_new[1:] = (halves[1:] != halves[:-1]).any(axis=1)
        first = np.flatnonzero(is_new)
        high, low = halves[first].T
        failed = np.frombuffer(self._failed, np.uint8)[order]
        return _Index(
            np.ascontiguousarray(high).data,
            np.ascontiguousarray(low).data,
            np.diff(first, append=len(order)).data,
            np.maximum.reduceat(failed, first).data if len(first) else failed.data,
        )


def _digest(key: Key) -> bytes:
    return blake2b(repr(key).encode(), digest_size=DIGEST).digest()
