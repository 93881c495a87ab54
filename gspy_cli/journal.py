"""An output file that no kill can spoil: what is in it already, and who writes it.

Beside `out.csv` stands `out.csv.journal`: what the run was asked for, and a lock.
The output itself says which inputs are done. A run that is killed at any moment leaves
whole rows and perhaps a torn one; the next run cuts that off and goes on. A file that
another program has changed is refused.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gspy_cli import run_note
from gspy_cli.done import Done
from gspy_cli.errors import ChangedError, GspyError
from gspy_cli.results import Record
from gspy_cli.whole import lock, writing

HEAD = b'{"model"'  # of a journal; a power cut may leave less of it, or zeros

Records = Callable[[BinaryIO], Iterator[Record]]
"""Reads the whole rows of an output; stops at a torn last one.

Raises `ChangedError` at what no stopped run leaves.
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A file that no other run can write now; what is in it is not touched yet."""

    path: Path
    file: BinaryIO
    journal: BinaryIO


@dataclass(frozen=True, slots=True)
class Output:
    """An output to append to, and the rows that are in it already."""

    path: Path
    file: BinaryIO
    done: Done

    def write(self, content: bytes) -> None:
        """Append whole rows; they are with the operating system afterwards.

        Raises
        ------
        GspyError
            They cannot be written, or the file is not there any more.
        """
        with writing(self.path):
            self.file.write(content)
            self.file.flush()
            if not os.fstat(self.file.fileno()).st_nlink:
                raise OSError("it was removed, or another program replaced it")


@contextmanager
def hold(path: Path, *, overwrite: bool) -> Iterator[Held]:
    """Keep other runs from an output, until it is closed.

    Raises
    ------
    GspyError
        Another run is writing it, or it was not made by one, or it cannot be written.
    """
    with ExitStack() as stack:
        with writing(path):
            if not overwrite and _has_rows(path) and not _beside(path).exists():
                raise GspyError(
                    f"{path} was not made by gspy classify, or moved without its "
                    f"{_beside(path).name}; --overwrite replaces it"
                )
            journal = stack.enter_context(_journal_of(path))
            while _was_forgotten(journal, path):
                journal = stack.enter_context(_journal_of(path))
            if not HEAD.startswith(journal.read(len(HEAD)).rstrip(b"\0")):
                raise _foreign(_beside(path))
            journal.seek(0)
            file = path.open("ab+")
            stack.callback(_close, file, path)
        yield Held(path, file, journal)


@contextmanager
def _journal_of(path: Path) -> Iterator[BinaryIO]:
    """Open an output's journal and keep it from other runs."""
    beside = _beside(path)
    if beside.is_symlink():
        raise _foreign(beside)
    journal = os.fdopen(os.open(beside, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
    try:
        lock(journal.fileno(), path)
        yield journal
    finally:
        _close(journal, path)


def _was_forgotten(journal: BinaryIO, path: Path) -> bool:
    """Tell whether another run removed a journal while it was opened here.

    Windows removes no open file.
    """
    if os.name == "nt":
        return False
    try:
        there = _beside(path).lstat()
    except FileNotFoundError:
        return True
    return not os.path.samestat(os.fstat(journal.fileno()), there)


def take_up(
    held: Held, *, run: Mapping[str, object], records: Records, overwrite: bool
) -> Output:
    """Go on with an output that is held, or begin it.

    `run` is all that decides what the rows hold, the `model` first.

    Raises
    ------
    GspyError
        It was made by a run of another kind or changed by another program, or it
        cannot be written.
    """
    with writing(held.path):
        if overwrite:
            held.file.truncate(0)
        _check(held.journal, held.path, dict(run))
        return _recover(held.file, records, held.path)


def real(path: Path) -> Path:
    """Give the file that a link leads to: what belongs to it stands beside it."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def part_of(path: Path) -> Path:
    """Give the file beside a Parquet file that its rows are in while a run lasts."""
    return path.with_name(f"{path.name}.part")


def was_begun(path: Path) -> bool:
    """Tell whether an earlier run wrote an output, or was stopped while it did."""
    whole = real(path)
    return any(_beside(file).exists() for file in (whole, part_of(whole)))


def _close(file: BinaryIO, path: Path) -> None:
    with writing(path):  # closing writes what is buffered: a full disk fails here
        file.close()


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.journal")


def _foreign(journal: Path) -> GspyError:
    return GspyError(
        f"{journal} is no journal of gspy; move it away, or give another -o"
    )


def forget(path: Path) -> None:
    """Remove a file that is no longer needed, and its journal."""
    with suppress(PermissionError):  # Windows keeps what is open; the next run sees it
        path.unlink()
        _beside(path).unlink()


def changed(path: Path, how: str) -> GspyError:
    """Make the error of an output that another program has changed."""
    return GspyError(
        f"{path} was changed by another program: {how}; give another -o, or "
        "--overwrite to begin it anew"
    )


def _check(journal: BinaryIO, path: Path, run: dict[str, object]) -> None:
    """Refuse an output of another run; note this one's for the next."""
    text = journal.read()
    if _has_rows(path):
        run_note.check(text, run, path)
        return
    journal.seek(0)
    journal.truncate()
    journal.write(json.dumps(run).encode())
    journal.flush()
    os.fsync(journal.fileno())


def _has_rows(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _recover(file: BinaryIO, records: Records, path: Path) -> Output:
    """Count what is done, and cut a torn end off."""
    file.seek(0)
    done, end = Done(), 0
    try:
        for record in records(file):
            end = record.end
            done.add(record.key, failed=record.failed)
    except ChangedError as change:
        raise changed(path, str(change)) from None
    file.truncate(end)
    file.seek(end)
    return Output(path, file, done)
