"""Pictures as they arrive in folders, whole."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from gspy_cli import glitches
from gspy_cli.glitches import Group
from gspy_cli.results import WINDOWS
from gspy_cli.sources import names, sample_of

INTERVAL_S = 1.0  # between two looks where nothing is new
SETTLED_S = 10.0  # a picture without its end is taken when it was left alone so long
GLITCH_S = 60.0  # and a glitch without all its windows
ROUND = 10_000  # rows in a round

# how a PNG and a JPEG begin, and how each ends
_ENDS = {b"\x89PN": b"\0\0\0\0IEND\xaeB\x60\x82", b"\xff\xd8\xff": b"\xff\xd9"}


def arrivals(
    folders: Sequence[str],
    *,
    recursive: bool,
    per_glitch: bool,
    apart: Path | None = None,
    wait: Callable[[], None] = lambda: time.sleep(INTERVAL_S),
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[list[Group]]:
    """Give what is in folders and what arrives there, a round at a time, for ever.

    A picture that is being written is waited for. `per_glitch`, so are a glitch's
    other windows. The folder `apart` is not searched. `wait` is called where nothing
    is new; `clock` gives s.
    """
    known: set[str] = set()
    ages = _Ages(clock)
    while True:
        found = names(folders, recursive=recursive, apart=apart)
        new = (name for name in found if isinstance(name, str) and name not in known)
        whole = (path for path in new if _is_whole(path, ages))
        groups = _grouped(whole, ages) if per_glitch else _alone(whole)
        is_idle = True
        while arrived := list(islice(groups, ROUND)):
            is_idle = False
            taken = {view.origin.path for group in arrived for view in group}
            known |= taken
            ages.forget(taken)
            yield arrived
        if is_idle:
            wait()


class _Ages:
    """How long files were left alone."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._first_seen: dict[str, tuple[tuple[int, int], float]] = {}

    def of(self, path: str) -> float:
        """Give s since a file was first seen as it is: another clock wrote its time."""
        try:
            status = Path(path).stat()
        except OSError:
            return 0.0
        state, now = (status.st_mtime_ns, status.st_size), self._clock()
        before, since = self._first_seen.get(path, (None, now))
        if state != before:
            self._first_seen[path] = state, now
            return 0.0
        return now - since

    def forget(self, paths: Iterable[str]) -> None:
        """Drop files that are not asked for again."""
        for path in paths:
            self._first_seen.pop(path, None)


def _alone(paths: Iterable[str]) -> Iterator[Group]:
    return ((sample_of(path),) for path in paths)


def _grouped(paths: Iterable[str], ages: _Ages) -> Iterator[Group]:
    """Give the glitches that have all windows, or to which nothing is added."""
    for group in glitches.group(paths):
        lone = group[0].origin.window not in WINDOWS
        if lone or len(group) == len(WINDOWS) or _left_alone(group, ages):
            yield group


def _left_alone(group: Group, ages: _Ages) -> bool:
    return min([ages.of(view.origin.path) for view in group]) > GLITCH_S


def _is_whole(path: str, ages: _Ages) -> bool:
    """Tell whether a picture is there to its end, or no longer written to."""
    return _has_end(path) or ages.of(path) > SETTLED_S


def _has_end(path: str) -> bool:
    try:
        with Path(path).open("rb") as file:
            end = _ENDS.get(file.read(3))
            if end is None:
                return False
            file.seek(-len(end), os.SEEK_END)
            return file.read() == end
    except OSError:
        return False
