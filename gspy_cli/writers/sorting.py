"""Pictures into a folder for each class."""

import errno
import filecmp
import os
import shutil
from itertools import count
from pathlib import Path
from typing import Literal

from gspy_cli.errors import GspyError
from gspy_cli.glitches import Group
from gspy_cli.results import Glitch, Prediction, Row, answer_of
from gspy_cli.writers.columns import Columns
from gspy_cli.writers.forms import Form, csv_form

Link = Literal["copy", "hard", "sym"]
"""How a picture gets into its class's folder."""


def sorted_form(columns: Columns, folder: Path, link: Link) -> Form:
    """Give the form of a table whose pictures lie sorted beside it.

    A picture is in its class's folder before its row is in the table, so that a run
    that is stopped between them puts it there again, to no effect.
    """
    table = csv_form(columns)

    def line(row: Row, group: Group) -> str:
        views = row.views if isinstance(row, Glitch) else (row,)
        answer = answer_of(row)
        for view in views:
            if isinstance(answer, Prediction) and isinstance(view, Prediction):
                place(Path(view.origin.path), folder / answer.label, link)
        return table.line(row, group)

    return Form(table.header, line, table.records)


def place(picture: Path, folder: Path, link: Link) -> Path:
    """Put a picture into a folder under its name; give where it lies.

    Another picture that has the name already stays; this one gets `-2` or the next
    free number. The same picture again changes nothing.

    Raises
    ------
    GspyError
        The file system has no such links.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        suffix = f"-{number}{picture.suffix}" if number > 1 else picture.suffix
        target = folder / f"{picture.stem}{suffix}"
        if not target.is_symlink() and not target.exists():
            _put(picture, target, link)
            return target
        if _is_same(picture, target):
            return target
    raise AssertionError  # the numbers do not end


def _is_same(picture: Path, target: Path) -> bool:
    try:
        return picture.samefile(target) or filecmp.cmp(picture, target, shallow=False)
    except FileNotFoundError:  # a link to a picture that is gone
        return False


def _put(picture: Path, target: Path, link: Link) -> None:
    part = target.with_name(f"{target.name}.part")  # never half a picture
    part.unlink(missing_ok=True)
    try:
        if link == "hard":
            part.hardlink_to(picture.resolve())
        elif link == "sym":
            part.symlink_to(os.path.relpath(picture.resolve(), target.parent.resolve()))
        else:
            shutil.copy2(picture, part)
        part.replace(target)
    except OSError as error:
        if link == "copy" or error.errno == errno.ENOSPC:
            raise
        raise GspyError(
            f"cannot make a {link} link to {picture} in {target.parent} "
            f"({error.strerror}); use --link copy"
        ) from None
