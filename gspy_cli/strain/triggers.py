"""Tables of triggers: when, and in which detector, to look."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import chain
from pathlib import Path

from gspy_cli.errors import GspyError
from gspy_cli.separator import separator
from gspy_cli.strain.times import gps_time

TIMES = ("event_time", "GPStime", "peak_time", "GPS", "time")
"""Columns for the time, the first that there is; Gravity Spy's, GWOSC's, Omicron's."""
MAX_SHOWN = 80  # characters of a header in an error message
TOO_MANY = "line {} has more cells than the header; put quotes about what holds {!r}"


@dataclass(frozen=True, slots=True)
class EventTime:
    """An event to classify: GPS seconds, or what is wrong with its time."""

    gps: Decimal | None
    ifo: str | None = None
    gravityspy_id: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """Its identifier; as in Gravity Spy, the GPS time where it has none."""
        return self.gravityspy_id or f"{self.gps or 0:.9f}"


def only_of(wanted: Iterable[EventTime], ifo: str | None) -> Iterator[EventTime]:
    """Pass events on; those of detectors that an `ifo` leaves out are a problem."""
    for one in wanted:
        if ifo and one.ifo not in (None, ifo) and not one.problem:
            yield replace(one, problem=f"--ifo {ifo} leaves out {one.ifo}")
        else:
            yield one


def read_triggers(path: Path) -> Iterator[EventTime]:
    """Read a CSV table with one of the columns in `TIMES`.

    Nanoseconds, less than a second, may come in a column `peak_time_ns`. Columns
    `ifo` and `gravityspy_id` are used where there are any; others do not matter, nor
    does the case of names. Semicolons, tabs or spaces may stand for commas; lines
    that begin with # are skipped.

    Raises
    ------
    GspyError
        The table cannot be read, has no times, or a column twice. A bad row is an
        `EventTime` with its problem.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = ("\n" if line.startswith("#") else line for line in file)
            filled = ((n, s.rstrip()) for n, s in enumerate(lines) if s.strip())
            above, header = next(filled, (0, ""))
            mark = separator(header, {name.lower() for name in TIMES}, ",;\t ")
            rows = csv.DictReader(
                chain([header], lines),
                delimiter=mark,
                skipinitialspace=mark == " ",
                strict=True,
            )
            columns = [name.strip().lower() for name in rows.fieldnames or ()]
            rows.fieldnames = columns
            time = _time_column(path, columns, header)
            for row in rows:
                number = above + rows.line_num
                if any("\n" in str(cell) for cell in row.values()):
                    raise csv.Error(f"a quoted line break before line {number}")
                if any(row.get(None) or ()):  # empty ones tell of marks at its end
                    problem = TOO_MANY.format(number, mark)
                    yield EventTime(None, None, f"line {number}", problem)
                else:
                    yield _event_time(row, time, f"line {number}")
    except OSError as error:
        raise GspyError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise GspyError(f"{path} is not a CSV table; give one in UTF-8") from None
    except csv.Error as error:
        raise GspyError(f"{path} is not a CSV table: {error}") from None


def _time_column(path: Path, columns: list[str], header: str) -> str:
    """Choose the column for the time; refuse two of one name among those used."""
    time = next((name for name in TIMES if name.lower() in columns), None)
    if time is None:
        raise GspyError(
            f"{path} has no column {', '.join(TIMES[:-1])} or {TIMES[-1]}; give a CSV "
            f"table with a header: its first line without # is {header[:MAX_SHOWN]!r}"
        )
    for name in (time, "peak_time_ns", "ifo", "gravityspy_id"):
        if columns.count(name.lower()) > 1:
            raise GspyError(f"{path} has two columns {name}; leave one")
    return time


def _event_time(row: Mapping[str, str | None], column: str, line: str) -> EventTime:
    cells = {name: (row.get(name) or "").strip() for name in ("ifo", "gravityspy_id")}
    ifo, name = cells["ifo"].upper() or None, cells["gravityspy_id"]
    try:
        gps = gps_time((row[column.lower()] or "").strip())
        nanoseconds = (row.get("peak_time_ns") or "").strip()
        if column == "peak_time" and nanoseconds:
            fraction = _fraction(nanoseconds)
            if gps % 1 and fraction:
                raise GspyError(
                    f"{gps} has decimals, and peak_time_ns tells them again; leave one"
                )
            gps += fraction
    except GspyError as error:
        return EventTime(None, ifo, name or line, f"{column} in {line}: {error}")
    return EventTime(gps, ifo, name)


def _fraction(nanoseconds: str) -> Decimal:
    """Read nanoseconds, and give them in seconds."""
    try:
        number = Decimal(nanoseconds)
        if 0 <= number < 10**9:
            return round(number / 10**9, 9).normalize()
    except InvalidOperation:
        pass
    raise GspyError(
        f"peak_time_ns is '{nanoseconds}'; give nanoseconds from 0 to 999999999"
    )
