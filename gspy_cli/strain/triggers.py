"""Tables of triggers: when, and in which detector, to look."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from gspy_cli.errors import GspyError
from gspy_cli.strain.times import gps_time

TIMES = ("event_time", "GPStime", "peak_time")
"""Columns for the time, the first that there is; Gravity Spy's names."""


@dataclass(frozen=True, slots=True)
class EventTime:
    """An event to classify: GPS seconds, or what is wrong with its time."""

    gps: Decimal | None
    ifo: str | None = None
    gravityspy_id: str | None = None
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
    """Read a CSV table with a column `event_time`, `GPStime` or `peak_time`.

    Nanoseconds, less than a second, may come in a column `peak_time_ns`. Columns
    `ifo` and `gravityspy_id` are used where there are any; others do not matter.

    Raises
    ------
    GspyError
        The table cannot be read, or has no times. A bad row is an `EventTime`
        with its problem.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            columns = [name.strip() for name in rows.fieldnames or ()]
            rows.fieldnames = columns
            time = next((name for name in TIMES if name in columns), None)
            if time is None:
                raise GspyError(
                    f"{path} has no column {', '.join(TIMES[:-1])} or {TIMES[-1]}; "
                    "give a CSV table with a header"
                )
            for row in rows:
                if any("\n" in str(cell) for cell in row.values()):
                    raise csv.Error(f"a quoted line break before line {rows.line_num}")
                yield _event_time(row, time, f"line {rows.line_num}")
    except OSError as error:
        raise GspyError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise GspyError(f"{path} is not a CSV table; give one in UTF-8") from None
    except csv.Error as error:
        raise GspyError(f"{path} is not a CSV table: {error}") from None


def _event_time(row: Mapping[str, str | None], column: str, line: str) -> EventTime:
    cells = {name: (row.get(name) or "").strip() for name in ("ifo", "gravityspy_id")}
    ifo, name = cells["ifo"].upper() or None, cells["gravityspy_id"] or None
    try:
        gps = gps_time((row[column] or "").strip())
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
