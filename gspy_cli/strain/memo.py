"""Results that several threads ask for: each is computed once and kept a while."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """A function that remembers its last `keep` results; a failure is tried again.

    Who asks for a result that another thread is computing waits for it.
    """

    def __init__(self, compute: Callable[[K], V], *, keep: int) -> None:
        self._compute, self._keep = compute, keep
        self._results: dict[K, Future[V]] = {}  # latest use last
        self._lock = Lock()

    def __call__(self, key: K) -> V:
        """Give the result for a key."""
        with self._lock:
            known = self._results.pop(key, None)
            result = self._results[key] = known or Future()
            if len(self._results) > self._keep:
                del self._results[next(iter(self._results))]
        if known is None:
            try:
                result.set_result(self._compute(key))
            except BaseException as error:  # the others that wait get it too
                with self._lock:
                    self._results.pop(key, None)
                result.set_exception(error)
                raise
        return result.result()
