"""How far a run of `gspy classify` is: how many are done, and the time left."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import chain, islice
from threading import Thread
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 2  # rows that are there too soon to be shown coming


class Countdown(ExitStack):
    """Passes rows on and shows on stderr how many are done, and of how many.

    At its exit the bar is gone, even where the rows were not taken to their end.
    `inputs` gives once more all there is to do, to be counted beside the work; None
    where that cannot be had twice. `already` tells how many of these need nothing.
    """

    def __init__(
        self, inputs: Callable[[], Iterable[object] | None], already: Callable[[], int]
    ) -> None:
        super().__init__()
        self._inputs, self._already = inputs, already
        self._done = 0
        self._all: int | None = None
        self._counting: Thread | None = None

    def __call__(self, rows: Iterable[T]) -> Iterator[T]:
        """Pass rows on, a page of them or all."""
        remaining = iter(rows)
        for row in islice(remaining, AT_ONCE):
            self._done += 1
            yield row
        for first in islice(remaining, 1):
            yield from self._shown(chain([first], remaining))

    def _shown(self, rows: Iterable[T]) -> Iterator[T]:
        from gspy_cli.cli.console import Console
        from gspy_cli.cli.progress import progress_on

        self._begin_counting()
        done = self._done
        progress = self.enter_context(progress_on(Console(stderr=True)))
        task = progress.add_task("classifying", total=self._total(), completed=done,
                                 before=done)  # fmt: skip
        for row in rows:
            self._done += 1
            progress.update(task, completed=self._done, total=self._total())
            yield row
        progress.stop()

    def _begin_counting(self) -> None:
        inputs = None if self._counting else self._inputs()
        if inputs is not None:
            self._counting = Thread(target=self._count, args=[inputs], daemon=True)
            self._counting.start()

    def _count(self, inputs: Iterable[object]) -> None:
        self._all = sum(1 for _ in inputs)

    def _total(self) -> int | None:
        return None if self._all is None else self._all - self._already()


def countdown(
    inputs: Callable[[], Iterable[object] | None],
    already: Callable[[], int],
    *,
    quiet: bool,
) -> AbstractContextManager[Callable[[Iterable[T]], Iterator[T]]]:
    """Choose what rows pass through: nothing where nobody looks."""
    if quiet or not sys.stderr.isatty():
        return nullcontext(iter)
    return Countdown(inputs, already)
