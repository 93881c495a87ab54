"""What to classify: paths, folders and lists become a stream of samples."""

import os
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError, PictureError
from gspy_cli.figure import SUFFIXES, read_pixels
from gspy_cli.results import STRAIN_SUFFIXES, VIEW, Origin, Trigger


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture file; called, it gives its pixels."""

    path: str

    def __call__(self) -> NDArray[np.uint8]:
        """Decode it."""
        return read_pixels(Path(self.path))


@dataclass(slots=True)
class Stream:
    """A picture that can be read once, and by this process alone; its pixels stay."""

    path: str
    pixels: NDArray[np.uint8] | None = None

    def __call__(self) -> NDArray[np.uint8]:
        """Decode it, or give what was decoded."""
        if self.pixels is None:
            self.pixels = read_pixels(Path(self.path))
        return self.pixels


@dataclass(frozen=True, slots=True)
class Plot:
    """The inside of a figure (H, W, 3), made from strain, and what else that tells."""

    pixels: NDArray[np.uint8]
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Sample:
    """One input, not yet read.

    `load` gives the figure's pixels (H, W, 3), or with a byte that means nothing
    (H, W, 4), or a plot, or raises `PictureError`. From strain there is also
    `shifted`: what `load` gives, so many seconds later.
    """

    origin: Origin
    load: Callable[[], NDArray[np.uint8] | Plot]
    shifted: Callable[[float], Plot] | None = None


STDIN = Path("-")
BOM = "\ufeff"  # what some programs begin a list with
STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/")
"""How the paths of streams of this process begin."""

Name = str | Sample
"""A picture's path, or a sample that is made already."""


def picture(path: str) -> Sample:
    """Make the sample of one picture, a file or a stream."""
    load = Stream(path) if path.startswith(STREAMS) else PictureFile(path)
    return Sample(describe(path), load)


def sample_of(name: Name) -> Sample:
    """Make the sample that a name stands for."""
    return picture(name) if isinstance(name, str) else name


def describe(path: str) -> Origin:
    """Read detector, identifier and window from a file name as Gravity Spy has it.

    The pattern is `{ifo}_{id}_spectrogram_{window}.png`.
    """
    stem, _ = os.path.splitext(os.path.basename(path))  # noqa: PTH119, PTH122, quicker
    match = VIEW.fullmatch(stem)
    if not match or not match["window"] or match["more"]:
        return Origin(path)
    return Origin(path, match["ifo"], match["id"], float(match["window"]))


def from_paths(paths: Iterable[str], *, recursive: bool = False) -> Iterator[Sample]:
    """Give the samples of files and folders, in order; a folder's are sorted."""
    return map(sample_of, names(paths, recursive=recursive))


def names(
    paths: Iterable[str],
    *,
    recursive: bool = False,
    apart: Path | None = None,
    alone: Collection[str] | None = None,
) -> Iterator[Name]:
    """Name the pictures in files and folders, in order; a folder's are sorted.

    The folder `apart` is not searched. Where it is told which paths were given
    `alone`, others that end as a picture's do are taken for files without a look.
    """
    for path in paths:
        listed = alone is not None and path not in alone
        mode = stat.S_IFREG if listed and _is_named_so(path) else _mode(path)
        if stat.S_ISDIR(mode):
            yield from _from_folder(path, recursive=recursive, apart=apart)
        elif stat.S_ISFIFO(mode):
            yield Sample(describe(path), Stream(path))
        else:
            yield path


def _is_named_so(path: str) -> bool:
    return path.lower().endswith(SUFFIXES)


def _is_picture(entry: os.DirEntry[str]) -> bool:
    """Tell a picture in a folder from what macOS keeps beside it, `._NAME`."""
    return _is_named_so(entry.name) and not entry.name.startswith("._")


def _mode(path: str) -> int:
    """Give what kind of file a name stands for; 0 where there is none."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116, '' is no folder
    except (OSError, ValueError):  # a name may hold what no file's can
        return 0


def at_least(count: int, paths: Iterable[str], *, recursive: bool = False) -> bool:
    """Tell, without a look at all of them, whether there are so many pictures."""
    found = (1 for path in paths for _ in _some(path, recursive=recursive))
    return sum(islice(found, count)) == count


def _some(path: str, *, recursive: bool) -> Iterator[str]:
    """Name the pictures of a path, in no order; links to folders are left out."""
    if not os.path.isdir(path):  # noqa: PTH112, it takes every name
        yield path
        return
    todo = [path]
    while todo:
        with suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                if _is_picture(entry):
                    yield entry.path
                elif recursive and entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)


def listed(lines: Iterable[str]) -> Iterator[str]:
    """Give the paths of a list with one a line; empty lines are skipped."""
    paths = (line.removeprefix(BOM).rstrip("\r\n") for line in lines)
    return (path for path in paths if path)


def read_first(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Read the first sample now; what its `load` gives or raises comes later."""
    remaining = iter(samples)
    first = next(remaining, None)
    if first is None:
        return iter(())
    try:
        loaded = first.load()
    except PictureError as error:
        return chain([unusable(first.origin, str(error))], remaining)
    return chain([replace(first, load=lambda: loaded)], remaining)


def read_list(path: Path) -> Iterator[str]:
    """Read a list of paths, or stdin, as its lines are asked for.

    Names that are not UTF-8 keep their bytes.

    Raises
    ------
    GspyError
        The list cannot be opened, or later, read.
    """
    if path == STDIN:
        return iter(sys.stdin)
    with _reading(path):
        file = path.open(encoding="utf-8", errors="surrogateescape")
    return _lines(file, path)


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    with file, _reading(path):
        yield from file


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise GspyError(f"cannot read the list {path}: {error.strerror}") from None


def _from_folder(folder: str, *, recursive: bool, apart: Path | None) -> Iterator[Name]:
    found = False
    for name in _walk(folder, recursive=recursive, apart=apart):
        found = True
        yield name
    if not found:
        more = "" if recursive else "; --recursive looks in its folders too"
        if _holds_strain(folder):
            more = f", but strain: give --gps TIME or --triggers FILE{more}"
        yield unusable(Origin(folder), f"no pictures in this folder{more}")


def _holds_strain(folder: str) -> bool:
    with suppress(OSError), os.scandir(folder) as entries:
        return any(entry.name.lower().endswith(STRAIN_SUFFIXES) for entry in entries)
    return False


def _walk(folder: str, *, recursive: bool, apart: Path | None) -> Iterator[Name]:
    """Name the pictures in a folder, in order; no folder is searched twice."""
    todo: list[str | os.DirEntry[str]] = [folder]
    known = {_identity(os.fspath(apart))} if apart else set()
    while todo:
        found = todo.pop()
        if isinstance(found, str):
            try:
                todo += _inside(found, known)
            except OSError as error:
                reason = f"cannot read this folder: {error.strerror}"
                yield unusable(Origin(found), reason)
        elif _is_folder(found):
            if recursive:
                todo.append(found.path)
        elif _is_picture(found) and _is_file(found):
            yield found.path


def _inside(folder: str, known: set[tuple[int, int]]) -> list[os.DirEntry[str]]:
    """List a folder, the last first; one that is known has nothing."""
    identity = _identity(folder)
    if identity in known:
        return []
    known.add(identity)
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name, reverse=True)


def _identity(folder: str) -> tuple[int, int]:
    status = os.stat(folder)  # noqa: PTH116, it takes every name
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder, or leads to one."""
    with suppress(OSError):
        return entry.is_dir()
    return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a regular file; a link may lead to it, or nowhere."""
    if entry.is_symlink():
        where = entry.path
        return os.path.isfile(where) or not os.path.exists(where)  # noqa: PTH110, PTH113, they raise nothing
    with suppress(OSError):
        return entry.is_file()
    return True  # why it cannot be read is told where it is


def unusable(origin: Origin, reason: str) -> Sample:
    """Make the sample of an input that cannot be classified."""
    return Sample(origin, partial(_fail, reason))


def _fail(reason: str) -> NDArray[np.uint8]:
    raise PictureError(reason)
