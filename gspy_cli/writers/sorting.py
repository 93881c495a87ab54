"""Pictures into a folder for each class."""

import errno
import filecmp
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from gspy_cli.errors import GspyError
from gspy_cli.results import Failure, Glitch, Prediction, Result, Row, answer_of
from gspy_cli.writers.columns import Columns
from gspy_cli.writers.file_formats import FileFormat, csv_format

Link = Literal["copy", "hard", "sym"]
"""How a picture gets into its class's folder."""

PART = ".gspy.part"  # a picture's name until it is there whole

# what ends a run: no other picture can be written either
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS)
NO_RIGHT = 1314  # Windows: only an administrator or a developer may make such links


@dataclass(slots=True)
class Namesakes:
    """The pictures of one name in a folder: how many, and their numbers by bytes."""

    count: int = 0
    by_size: dict[int | None, list[int]] = field(default_factory=dict)

    def add(self, size: int | None) -> None:
        """Note the next; a link to a picture that is gone has no size."""
        self.count += 1
        self.by_size.setdefault(size, []).append(self.count)


Known = dict[Path, Namesakes]


def sorted_format(columns: Columns, folder: Path, link: Link) -> FileFormat:
    """Give the format of a table whose pictures lie sorted beside it.

    A picture is in its class's folder before its row is in the table, so that a run
    that is stopped between them puts it there again, to no effect. One that cannot be
    put there has failed.
    """
    act = partial(_sort, folder=folder, link=link, known={})
    return replace(csv_format(columns), act=act)


def _sort(row: Row, *, folder: Path, link: Link, known: Known) -> Row:
    """Put a row's pictures into its class's folder; give what became of the row."""
    answer = answer_of(row)
    if not isinstance(answer, Prediction):
        return row
    views = row.views if isinstance(row, Glitch) else (answer,)
    sorted_views = tuple(
        _place(view, folder / answer.label, link, known) for view in views
    )
    if not isinstance(row, Glitch):
        return sorted_views[0]
    glitch = Glitch(sorted_views, answer)
    if len(glitch.failures()) < len(views):
        return glitch
    return Glitch(sorted_views, Failure(answer.origin, glitch.reasons()))


def _place(view: Result, folder: Path, link: Link, known: Known) -> Result:
    if not isinstance(view, Prediction):
        return view
    picture = Path(view.origin.path)
    if picture.exists() and not picture.is_file():
        return Failure(view.origin, f"cannot be put into {folder}: it is a stream")
    try:
        place(picture, folder, link, known)
    except OSError as error:
        if error.errno in FULL:
            raise GspyError(f"cannot write into {folder}: {error.strerror}") from None
        reason = (error.strerror or "unknown reason").lower()
        return Failure(view.origin, f"cannot be put into {folder}: {reason}")
    return view


def place(picture: Path, folder: Path, link: Link, known: Known) -> Path:
    """Put a picture into a folder under its name; give where it lies.

    Another picture that has the name already stays; this one gets `-2` or the next
    free number. The same picture again changes nothing. `known` remembers, from call
    to call, the names that several have.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first = folder / picture.name
    if not _is_there(first):
        _put(picture, first, link)
        return first
    alike = known.setdefault(first, Namesakes())
    while _is_there(target := _numbered(first, alike.count + 1)):
        alike.add(_size(target))
    for number in alike.by_size.get(_size(picture), ()):
        if _is_same(picture, same := _numbered(first, number)):
            return same
    _put(picture, target, link)
    alike.add(_size(picture))
    return target


def _numbered(first: Path, number: int) -> Path:
    name = f"{first.stem}-{number}{first.suffix}" if number > 1 else first.name
    return first.with_name(name)


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.exists() else None


def _is_same(picture: Path, target: Path) -> bool:
    try:
        return picture.samefile(target) or filecmp.cmp(picture, target, shallow=False)
    except FileNotFoundError:  # a link to a picture that is gone
        return False


def _put(picture: Path, target: Path, link: Link) -> None:
    part = target.with_name(PART)  # never half a picture
    part.unlink(missing_ok=True)
    try:
        if link == "hard":
            part.hardlink_to(picture.resolve())
        elif link == "sym":
            part.symlink_to(_way(target.parent.resolve(), picture.resolve()))
        else:
            shutil.copyfile(picture, part)
            with suppress(OSError):  # some file systems keep no times
                shutil.copystat(picture, part)
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        may_not = getattr(error, "winerror", None) == NO_RIGHT
        if not (may_not or error.errno in NO_LINKS) or link == "copy":
            raise
        raise GspyError(
            f"cannot make a {link} link to {picture} in {target.parent} "
            f"({error.strerror}); use --link copy"
        ) from None


def _way(folder: Path, picture: Path) -> str:
    try:
        return os.path.relpath(picture, folder)
    except ValueError:  # Windows has none from one drive to another
        return str(picture)
