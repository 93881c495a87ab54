"""Rows as lines of CSV or JSON, and the way back."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping

from gspy_cli.errors import ChangedError
from gspy_cli.results import Key, Record, Row, written
from gspy_cli.writers.columns import Cell, Columns, read_key

Found = tuple[Key, bool]
"""Whose row it is, and whether an input of it failed."""
Read = Callable[[bytes], Found | None]
"""Reads a row; None where it is none."""

BAD = ("failed", "partial")  # what `status` says of a row with an input that failed


def csv_header(columns: Columns) -> str:
    """Write the first line of a CSV table."""
    return _csv_line(columns.names())


def csv_line(row: Row, columns: Columns) -> str:
    """Write a result as a line of CSV."""
    return _csv_line(columns.row(row).values())


def _csv_line(cells: Iterable[Cell]) -> str:
    row = list(cells)
    line = _quoted(row, "excel")
    # Python 3.11 leaves a carriage return unquoted, and readers stumble over it.
    return _quoted(row, "unix") if "\r" in line else line


def _quoted(row: list[Cell], dialect: str) -> str:
    """Write a line; "unix" quotes every cell."""
    line = io.StringIO()
    csv.writer(line, dialect=dialect, lineterminator="\n").writerow(row)
    return line.getvalue()


def json_line(row: Row, columns: Columns) -> str:
    """Write a result as a line of JSON."""
    return json.dumps(columns.row(row), ensure_ascii=False) + "\n"


def csv_records(lines: Iterable[bytes], *, columns: Columns) -> Iterator[Record]:
    """Read a CSV table's whole rows; only the last may be torn."""
    names = columns.names()

    def read(line: bytes) -> Found | None:
        cells = _parse(line)
        if len(cells) != len(names):
            return None
        return _found(dict(zip(names, cells, strict=True)))

    return whole_rows(lines, csv_header(columns), read, joined=True)


def _parse(line: bytes) -> list[str]:
    if line.count(b'"') % 2:
        return []
    text = line.decode("utf-8", "replace")
    try:
        return next(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (csv.Error, StopIteration):
        return []


def json_records(lines: Iterable[bytes], *, columns: Columns) -> Iterator[Record]:
    """Read JSON lines' whole rows; only the last may be torn."""
    names = set(columns.names())

    def read(line: bytes) -> Found | None:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(row, dict) or row.keys() != names:
            return None
        return _found(row)

    return whole_rows(lines, "", read)


def _found(cells: Mapping[str, Cell]) -> Found:
    return read_key(cells), cells.get("status") in BAD


def whole_rows(
    lines: Iterable[bytes], header: str, read: Read, *, joined: bool = False
) -> Iterator[Record]:
    """Read a file's header and its whole rows, up to a last one that is torn.

    `joined`, line breaks within quotes are no ends.
    """
    remaining, end = iter(lines), 0
    for expected in io.BytesIO(written(header).encode()):
        line = next(remaining, b"")
        if not line.endswith(b"\n"):
            return
        if line != expected:
            raise ChangedError("its header is another")
        end += len(line)
    if header:
        yield Record(end, ("",))
    for number, row in enumerate(_joined(remaining, read) if joined else remaining, 1):
        if not row.endswith(b"\n"):
            return
        found = read(row)
        if found is None:
            raise ChangedError(f"row {number} is not as it was written")
        end += len(row)
        yield Record(end, found[0], failed=found[1])


def _joined(lines: Iterable[bytes], read: Read) -> Iterator[bytes]:
    """Join lines to rows: where a quote is open, a row goes on."""
    parts: list[bytes] = []
    is_open = 0
    for line in lines:
        if parts and read(line):
            raise ChangedError("a row in it has no end")
        parts.append(line)
        is_open ^= line.count(b'"') % 2
        if not is_open:
            yield b"".join(parts)
            parts = []
