"""Results to rows, and rows to CSV or JSON lines."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import BinaryIO

from gspy_cli.results import Key, Prediction, Record, Result, Trigger, written

Cell = str | float | None
TRIGGER_COLUMNS = [field.name for field in fields(Trigger)]
SHIFT_COLUMNS = ["time_shift_labels", "time_shift_stable"]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a table of results has.

    They are Gravity Spy's names where it has one. Each `top_k` beyond the first
    adds `ml_label_K, ml_confidence_K`; with a `min_confidence`, `confident_label`
    repeats the label of results that reach it. `triggers` adds what the strain tells,
    `time_shifts` the labels beside the event.
    """

    classes: tuple[str, ...]
    model_name: str
    top_k: int = 1
    min_confidence: float | None = None
    triggers: bool = False
    time_shifts: bool = False

    def names(self) -> list[str]:
        """List the column names in order."""
        names = ["path", "gravityspy_id", "ifo", "window", "ml_label", "ml_confidence"]
        for rank in range(2, self.top_k + 1):
            names += [f"ml_label_{rank}", f"ml_confidence_{rank}"]
        if self.min_confidence is not None:
            names.append("confident_label")
        names += [*self.classes, "status", "error", "model_name"]
        names += TRIGGER_COLUMNS if self.triggers else []
        return names + (SHIFT_COLUMNS if self.time_shifts else [])

    def row(self, result: Result) -> dict[str, Cell]:
        """Give one result's cells; a failure has a status and an error."""
        origin = result.origin
        cells: dict[str, Cell] = dict.fromkeys(self.names())
        cells |= {
            "path": origin.path,
            "gravityspy_id": origin.gravityspy_id,
            "ifo": origin.ifo,
            "window": origin.window,
            "model_name": self.model_name,
        }
        if self.triggers and origin.trigger:
            cells |= asdict(origin.trigger)
        if isinstance(result, Prediction):
            return cells | self._prediction(result)
        return cells | {"status": "failed", "error": result.reason}

    def _prediction(self, result: Prediction) -> dict[str, Cell]:
        cells: dict[str, Cell] = {
            name: round(score, 6) for name, score in result.scores.items()
        }
        for rank, (label, score) in enumerate(ranked(result, self.top_k), start=1):
            suffix = f"_{rank}" if rank > 1 else ""
            cells[f"ml_label{suffix}"] = label
            cells[f"ml_confidence{suffix}"] = round(score, 6)
        cells["status"] = "ok"
        if self.min_confidence is not None:
            sure = result.confidence >= self.min_confidence
            cells["confident_label"] = result.label if sure else None
            cells["status"] = "ok" if sure else "uncertain"
        if self.time_shifts and result.shifted:
            labels = result.shifted.items()
            cells["time_shift_labels"] = " ".join(
                f"{shift_s * 1000:+.0f}:{label or 'failed'}"
                for shift_s, label in labels
            )
            cells["time_shift_stable"] = {name for _, name in labels} == {result.label}
        return cells


def ranked(result: Prediction, count: int) -> list[tuple[str, float]]:
    """List the `count` likeliest classes with their probabilities, best first."""
    return sorted(result.scores.items(), key=lambda item: -item[1])[:count]


def csv_header(columns: Columns) -> str:
    """Write the first line of a CSV table."""
    return _csv_line(columns.names())


def csv_lines(results: Iterable[Result], columns: Columns) -> Iterator[str]:
    """Write results as CSV, one line at a time, without the header."""
    names = columns.names()
    for result in results:
        row = columns.row(result)
        yield _csv_line(row[name] for name in names)


def _csv_line(cells: Iterable[Cell]) -> str:
    row, line = list(cells), io.StringIO()
    # Python 3.11 leaves a carriage return unquoted, and readers stumble over it.
    bare = any(isinstance(cell, str) and "\r" in cell for cell in row)
    style = "unix" if bare else "excel"  # the former quotes every cell
    csv.writer(line, dialect=style, lineterminator="\n").writerow(row)
    return line.getvalue()


def json_lines(results: Iterable[Result], columns: Columns) -> Iterator[str]:
    """Write results as JSON lines, one object a result."""
    for result in results:
        yield json.dumps(columns.row(result), ensure_ascii=False) + "\n"


def csv_records(file: BinaryIO) -> Iterator[Record]:
    """Read a CSV table's whole rows, up to one that is torn or garbled."""
    names: list[str] = []
    end, record = 0, b""
    for line in file:
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


def json_records(file: BinaryIO) -> Iterator[Record]:
    """Read JSON lines' whole rows, up to one that is torn or garbled."""
    end = 0
    for line in file:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not (line.endswith(b"\n") and isinstance(row, dict)):
            return
        end += len(line)
        yield _record(end, row)


def _record(end: int, row: Mapping[str, Cell]) -> Record:
    return Record(end, _key(row), failed=row.get("status") == "failed")


def _key(row: Mapping[str, Cell]) -> Key:
    path, name, window = (row.get(n) for n in ("path", "gravityspy_id", "window"))
    return written(str(path)), str(name or ""), "" if window is None else str(window)
