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
ROUND = 10_000  # rows between two looks

# how a PNG and a JPEG begin, and how each ends
_ENDS = {b"\x89PN": b"\0\0\0\0IEND\xaeB\x60\x82", b"\xff\xd8\xff": b"\xff\xd9"}


def arrivals(
    folders: Sequence[str],
    *,
    recursive: bool,
    per_glitch: bool,
    wait: Callable[[], None] = lambda: time.sleep(INTERVAL_S),
    clock: Callable[[], float] = time.time,
) -> Iterator[list[Group]]:
    """Give what is in folders and what arrives there, a round at a time, for ever.

    A picture that is being written is waited for. `per_glitch`, so are a glitch's
    other windows. `wait` is called where nothing is new; `clock` gives s since 1970.
    """
    known: set[str] = set()
    while True:
        found = names(folders, recursive=recursive)
        new = [name for name in found if isinstance(name, str) and name not in known]
        ready = [path for path in new if _is_whole(Path(path), clock())]
        groups = _grouped(ready, clock()) if per_glitch else _alone(ready)
        if arrived := list(islice(groups, ROUND)):
            known.update(view.origin.path for group in arrived for view in group)
            yield arrived
        else:
            wait()


def _alone(paths: Iterable[str]) -> Iterator[Group]:
    return ((sample_of(path),) for path in paths)


def _grouped(paths: Iterable[str], now: float) -> Iterator[Group]:
    """Give the glitches that have all windows, or to which nothing is added."""
    for group in glitches.group(paths):
        ages = [now - _written(Path(view.origin.path)) for view in group]
        lone = group[0].origin.window not in WINDOWS
        if lone or len(group) == len(WINDOWS) or min(ages) > GLITCH_S:
            yield group


def _is_whole(path: Path, now: float) -> bool:
    """Tell whether a picture is there to its end, or no longer written to."""
    if now - _written(path) > SETTLED_S:
        return True
    try:
        with path.open("rb") as file:
            end = _ENDS.get(file.read(3))
            if end is None:
                return False
            file.seek(-len(end), os.SEEK_END)
            return file.read() == end
    except OSError:
        return False


def _written(path: Path) -> float:
    """Give when a file was last written to, in s since 1970."""
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")
