"""Results to rows, and rows to CSV or JSON lines."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields

from gspy_cli.results import Prediction, Result, Trigger

Cell = str | float | None
TRIGGER_COLUMNS = [field.name for field in fields(Trigger)]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a table of results has.

    They are Gravity Spy's names where it has one. Each `top_k` beyond the first
    adds `ml_label_K, ml_confidence_K`; with a `min_confidence`, `confident_label`
    repeats the label of results that reach it. `triggers` adds what the strain tells.
    """

    classes: tuple[str, ...]
    model_name: str
    top_k: int = 1
    min_confidence: float | None = None
    triggers: bool = False

    def names(self) -> list[str]:
        """List the column names in order."""
        names = ["path", "gravityspy_id", "ifo", "window", "ml_label", "ml_confidence"]
        for rank in range(2, self.top_k + 1):
            names += [f"ml_label_{rank}", f"ml_confidence_{rank}"]
        if self.min_confidence is not None:
            names.append("confident_label")
        names += [*self.classes, "status", "error", "model_name"]
        return names + TRIGGER_COLUMNS if self.triggers else names

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
        return cells


def ranked(result: Prediction, count: int) -> list[tuple[str, float]]:
    """List the `count` likeliest classes with their probabilities, best first."""
    return sorted(result.scores.items(), key=lambda item: -item[1])[:count]


def csv_lines(results: Iterable[Result], columns: Columns) -> Iterator[str]:
    """Write results as CSV, one line at a time, the header first."""
    names = columns.names()
    yield _csv_line(names)
    for result in results:
        yield _csv_line(columns.row(result)[name] for name in names)


def _csv_line(cells: Iterable[Cell]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def json_lines(results: Iterable[Result], columns: Columns) -> Iterator[str]:
    """Write results as JSON lines, one object a result."""
    for result in results:
        yield json.dumps(columns.row(result), ensure_ascii=False) + "\n"
