"""Write a file whole or not at all, alone, and say why one cannot be written."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gspy_cli.errors import GspyError

PART = re.compile(r"\..+\.[0-9a-f]{8}\.part")
LEFT_S = 86_400  # what nobody has written to for so long was left by a kill


@contextmanager
def whole_file(path: Path, *, alone: bool = False) -> Iterator[Path]:
    """Give a name beside `path` to write to; at the end it takes the place of `path`.

    If anything goes wrong, the old file stands as it was. Only a kill leaves something
    beside it; `alone`, where nobody else writes the file, the next writes over that.
    """
    mark = "" if alone else f".{os.urandom(4).hex()}"
    part = path.with_name(f".{path.name}{mark}.part")
    try:
        yield part
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


def remove_left(folder: Path) -> None:
    """Remove what kills have left, a day ago or more, in a folder of gspy's own."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if PART.fullmatch(entry.name):
                with suppress(OSError):
                    if time.time() - entry.stat().st_mtime > LEFT_S:
                        Path(entry).unlink()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name the file or folder that cannot be written, and why.

    Raises
    ------
    GspyError
        It cannot be.
    """
    try:
        yield
    except BrokenPipeError:  # of a standard stream
        raise
    except OSError as error:
        raise GspyError(f"cannot write {path}: {error.strerror or error}") from None


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes that call this out of a folder; Windows has no such locks.

    Raises
    ------
    GspyError
        Another process holds it, or it may not be opened.
    """
    if os.name == "nt":
        yield
        return
    with writing(folder):
        handle = os.open(folder, os.O_RDONLY)
    try:
        lock(handle, folder)
        yield
    finally:
        os.close(handle)


def lock(number: int, path: Path) -> None:
    """Hold an open file, by its number: others cannot write to `path` until it closes.

    The lock ends with this process, however that ends. Some file systems have none.

    Raises
    ------
    GspyError
        Another process holds it.
    """
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise GspyError(
            f"another gspy is writing {path}; wait for it, or write elsewhere"
        ) from None
    except OSError:
        pass
