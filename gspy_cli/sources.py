"""What to classify: paths, folders and lists become a stream of samples."""

import os
import stat
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TextIO

from gspy_cli.errors import GspyError
from gspy_cli.figure import SUFFIXES
from gspy_cli.results import STRAIN_SUFFIXES, Origin
from gspy_cli.samples import Name, Sample, Stream, describe, sample_of, unusable

STDIN = Path("-")
BOM = "\ufeff"  # what some programs begin a list with


def from_paths(paths: Iterable[str], *, recursive: bool = False) -> Iterator[Sample]:
    """Give the samples of files and folders, in order; a folder's are sorted."""
    return map(sample_of, names(paths, recursive=recursive))


def names(
    paths: Iterable[str],
    *,
    recursive: bool,
    apart: Path | None = None,
    alone: Collection[str] | None = None,
) -> Iterator[Name]:
    """Name the pictures in files and folders, in order; a folder's are sorted.

    `recursive` leaves the folder `apart` out. Where it is told which paths were given
    `alone`, others that end as a picture's do are taken for files without a look.
    """
    for path in paths:
        of_list = alone is not None and path not in alone
        mode = stat.S_IFREG if of_list and _is_named_so(path) else _mode(path)
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
    for name in walk_folder(folder, recursive=recursive, apart=apart):
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


def walk_folder(
    folder: str, *, recursive: bool, apart: Path | None, known: Collection[str] = ()
) -> Iterator[Name]:
    """Name the pictures in a folder that are not `known`, in order.

    No folder is searched twice; `recursive` leaves `apart` out.
    """
    todo: list[str | os.DirEntry[str]] = [folder]
    searched = {_identity(os.fspath(apart))} if apart and recursive else set()
    while todo:
        found = todo.pop()
        if isinstance(found, str):
            try:
                todo += _inside(found, searched, known)
            except OSError as error:
                reason = f"cannot read this folder: {error.strerror}"
                yield unusable(Origin(found), reason)
        elif _is_folder(found):
            if recursive:
                todo.append(found.path)
        elif _is_picture(found) and _is_file(found):
            yield found.path


def _inside(
    folder: str, searched: set[tuple[int, int]], known: Collection[str]
) -> list[os.DirEntry[str]]:
    """List what is not known in a folder, the last first; if searched, nothing."""
    identity = _identity(folder)
    if identity in searched:
        return []
    searched.add(identity)
    with os.scandir(folder) as entries:
        new = [entry for entry in entries if entry.path not in known]
    return sorted(new, key=lambda entry: entry.name, reverse=True)


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
