"""What the user asked to be written: which files, in which formats."""

import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from pathlib import Path

from gspy_cli.cli.interruption import KEPT
from gspy_cli.cli.options import need
from gspy_cli.errors import GspyError
from gspy_cli.whole import writing


class Format(StrEnum):
    """How results are written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    TABLE = "table"


class Link(StrEnum):
    """How a picture gets into its class's folder."""

    COPY = "copy"
    HARD = "hard"
    SYM = "sym"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user asked to be written, and where."""

    files: tuple[Path, ...] = ()
    form: Format | None = None
    sort_into: Path | None = None
    link: Link = Link.COPY
    gallery: Path | None = None
    overwrite: bool = False

    @property
    def table(self) -> Path | None:
        """Give the table that lies with sorted pictures."""
        return self.sort_into and self.sort_into / "labels.csv"

    def paths(self) -> list[Path]:
        """List the files that are written."""
        return [path for path in (self.table, *self.files, self.gallery) if path]

    def begun(self) -> bool:
        """Tell whether an earlier run began one of the files."""
        if not self.paths():
            return False
        from gspy_cli import journal

        return any(map(journal.was_begun, self.paths()))

    def printed(self) -> Format | None:
        """Tell how results are printed; files alone print nothing."""
        if self.files or (self.form is None and self.paths()):
            return None
        return self.form or (Format.TABLE if sys.stdout.isatty() else Format.CSV)

    def after_stop(self) -> str:
        """Say what a run that is stopped leaves."""
        if self.paths():
            command = "the same command"
            command += " without --overwrite" if self.overwrite else ""
            return f"{KEPT}, and {command} goes on from there"
        if self.printed() is Format.TABLE:
            return "nothing is kept without an output such as -o labels.csv"
        return "what was printed stands"

    def check(self) -> None:
        """Refuse what cannot be written, before anything is read."""
        self._check_files()
        for path in self.files:
            format_of(path, self.form)
        if self.gallery and self.gallery.suffix.lower() != ".html":
            raise GspyError(f"{self.gallery} is no page's name; end it in .html")
        if self.printed() is Format.PARQUET:
            raise GspyError("parquet is no text to print; give -o a .parquet")
        if self.sort_into:
            with writing(self.sort_into):
                self.sort_into.mkdir(parents=True, exist_ok=True)
        elif self.link is not Link.COPY:
            raise GspyError("--link is for --sort-into; name a folder there")
        for path, other in combinations(self.paths(), 2):
            if _is_one(path, other):
                raise GspyError(f"{other} is given twice; name each output once")

    def _check_files(self) -> None:
        for path in self.paths():
            if path == Path("-"):
                raise GspyError("- names no file; leave -o out to print")
            if path.is_dir():
                raise GspyError(f"{path} is a folder; name a file in it")
            if path.exists() and not path.is_file():
                raise GspyError(f"{path} is no file; --format csv prints instead")


def format_of(path: Path, form: Format | None) -> Format:
    """Choose the format of a file: as asked, or by its suffix."""
    suffix = path.with_suffix("").suffix if is_gzip(path) else path.suffix
    known = {f".{f}": f for f in Format if f is not Format.TABLE}
    found = form or known.get(suffix.lower())
    if found is None:
        raise GspyError(
            f"cannot tell the format of {path} from its name; end it in .csv, .jsonl "
            "or .parquet, or give --format"
        )
    if found is Format.TABLE:
        raise GspyError("a table is for the terminal; give -o a .csv or .jsonl")
    if found is Format.PARQUET:
        need("pyarrow", extra="report", what="writing Parquet")
        if is_gzip(path):
            raise GspyError("Parquet is compressed already; end -o in .parquet")
    return found


def _is_one(path: Path, other: Path) -> bool:
    """Tell whether two names are one file's, which may not be there yet."""
    if path.exists() and other.exists():
        return path.samefile(other)
    return os.path.realpath(path) == os.path.realpath(other)


def is_gzip(path: Path) -> bool:
    """Tell whether a file is to be compressed."""
    return path.suffix.lower() == ".gz"
