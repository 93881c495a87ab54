"""Pictures as they arrive in folders, whole."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path

from gspy_cli import glitches
from gspy_cli.glitches import Group
from gspy_cli.results import WINDOWS
from gspy_cli.samples import sample_of
from gspy_cli.sources import walk_folder

INTERVAL_S = 1.0  # between two looks
SETTLED_S = 10.0  # a picture without its end is taken when it was left alone so long
GLITCH_S = 60.0  # and a glitch without all its windows
ROUND = 10_000  # rows in a round

# how a PNG and a JPEG are named and begin, and how each ends
_NAMES = (".png", ".jpg", ".jpeg", ".jfif")
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
    other windows. The folder `apart` is not searched. `wait` is called between
    two looks; `clock` gives s.
    """
    known: set[str] = set()
    ages = _Ages(clock)
    look = partial(walk_folder, recursive=recursive, apart=apart, known=known)
    while True:
        ages.next_look()
        found = chain.from_iterable(map(look, folders))
        new = (name for name in found if isinstance(name, str))
        groups = _grouped(new, ages) if per_glitch else _alone(new, ages)
        while arrived := list(islice(groups, ROUND)):
            known |= {view.origin.path for group in arrived for view in group}
            yield arrived
        wait()


class _Ages:
    """How long files were left alone; those that a look does not meet are forgotten."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._before: dict[str, tuple[tuple[int, int], float]] = {}
        self._now: dict[str, tuple[tuple[int, int], float]] = {}

    def next_look(self) -> None:
        """Begin with the files once more."""
        self._before, self._now = self._now, {}

    def of(self, path: str) -> float:
        """Give s since a file was first seen as it is: another clock wrote its time."""
        try:
            status = os.stat(path)  # noqa: PTH116, quicker
        except OSError:
            return 0.0
        state, now = (status.st_mtime_ns, status.st_size), self._clock()
        before, since = self._now.get(path) or self._before.get(path) or (None, now)
        since = since if state == before else now
        self._now[path] = state, since
        return now - since


def _alone(paths: Iterable[str], ages: _Ages) -> Iterator[Group]:
    return ((sample_of(path),) for path in paths if _is_whole(path, ages))


def _grouped(paths: Iterable[str], ages: _Ages) -> Iterator[Group]:
    """Give the glitches that have all windows whole, or to which nothing is added."""
    there = filter(os.path.exists, paths)  # links may lead nowhere
    for group in glitches.group(there):
        seen = [view.origin.path for view in group]
        lone = group[0].origin.window not in WINDOWS
        if lone or len(group) == len(WINDOWS):
            ready = all([_is_whole(path, ages) for path in seen])
        else:
            ready = min([ages.of(path) for path in seen]) > GLITCH_S
        if ready:
            yield group


def _is_whole(path: str, ages: _Ages) -> bool:
    """Tell whether a picture is there to its end, or no longer written to."""
    named = path.lower().endswith(_NAMES)
    return (named and _has_end(path)) or ages.of(path) > SETTLED_S


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
