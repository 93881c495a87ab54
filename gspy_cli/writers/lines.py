"""Rows as lines of CSV or JSON, and the way back."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping

from gspy_cli.results import Record, Row
from gspy_cli.writers.columns import Cell, Columns, read_key

BAD = ("failed", "partial")  # what `status` says of a row with an input that failed


def csv_header(columns: Columns) -> str:
    """Write the first line of a CSV table."""
    return _csv_line(columns.names())


def csv_lines(rows: Iterable[Row], columns: Columns) -> Iterator[str]:
    """Write results as CSV, one line at a time, without the header."""
    names = columns.names()
    for row in rows:
        cells = columns.row(row)
        yield _csv_line(cells[name] for name in names)


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


def json_lines(rows: Iterable[Row], columns: Columns) -> Iterator[str]:
    """Write results as JSON lines, one object a result."""
    for row in rows:
        yield json.dumps(columns.row(row), ensure_ascii=False) + "\n"


def csv_records(lines: Iterable[bytes]) -> Iterator[Record]:
    """Read a CSV table's whole rows, up to one that is torn or garbled."""
    names: list[str] = []
    end, record = 0, b""
    for line in lines:
        record += line
        if record.count(b'"') % 2:  # a line break within a cell
            continue
        if not record.endswith(b"\n"):
            return
        cells = _parse(record)
        names = names or cells
        if len(cells) != len(names):
            return
        end += len(record)
        record = b""
        if cells is not names:
            yield _record(end, dict(zip(names, cells, strict=True)))
        else:
            yield Record(end, ("", "", ""))


def _parse(record: bytes) -> list[str]:
    text = record.decode("utf-8", "replace")
    try:
        return next(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (csv.Error, StopIteration):
        return []


def json_records(lines: Iterable[bytes]) -> Iterator[Record]:
    """Read JSON lines' whole rows, up to one that is torn or garbled."""
    end = 0
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not (line.endswith(b"\n") and isinstance(row, dict)):
            return
        end += len(line)
        yield _record(end, row)


def _record(end: int, cells: Mapping[str, Cell]) -> Record:
    return Record(end, read_key(cells), failed=cells.get("status") in BAD)
