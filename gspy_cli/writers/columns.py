"""The columns of a table of results, and the cells of each row."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal

from gspy_cli.results import (
    FILENAMES,
    Glitch,
    Key,
    Origin,
    Prediction,
    Result,
    Row,
    Trigger,
    answer_of,
    by_window,
    key_of,
    when,
    written,
)

Cell = str | float | None
TRIGGERS = [field.name for field in fields(Trigger)]
SHIFTS = ["time_shift_labels", "time_shift_stable"]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns a table of results has.

    They are Gravity Spy's names where it has one. Each `top_k` beyond the first
    adds `ml_label_K, ml_confidence_K`; with a `min_confidence`, `confident_label`
    repeats the label of familiar results that reach it. `triggers` adds what the
    strain tells, `time_shifts` the labels beside the event.
    `per_glitch`, a row is a glitch, and its pictures stand by window in `Filename1`
    to `Filename4`.
    """

    classes: tuple[str, ...]
    model_name: str
    top_k: int = 1
    min_confidence: float | None = None
    triggers: bool = False
    time_shifts: bool = False
    per_glitch: bool = False

    def names(self) -> list[str]:
        """List the column names in order."""
        names = ["gravityspy_id", "ifo"]
        names = [*names, "n_views"] if self.per_glitch else ["path", *names, "window"]
        names += ["ml_label", "ml_confidence"]
        for rank in range(2, self.top_k + 1):
            names += [f"ml_label_{rank}", f"ml_confidence_{rank}"]
        if self.min_confidence is not None:
            names.append("confident_label")
        names += [*self.classes, *(FILENAMES if self.per_glitch else ())]
        names += ["status", "error", "model_name"]
        names += TRIGGERS if self.triggers else []
        return names + (SHIFTS if self.time_shifts else [])

    def kind(self, name: str) -> Literal["text", "number", "count", "truth"]:
        """Tell what a column holds."""
        if name == SHIFTS[1]:
            return "truth"
        if name == "n_views":
            return "count"
        numbers = ("window", *self.classes, *TRIGGERS)
        found = name in numbers or name.startswith("ml_confidence")
        return "number" if found else "text"

    def key(self, origins: Sequence[Origin]) -> Key:
        """Give the key of the row that these pictures get."""
        if not self.per_glitch:
            return key_of(origins[0])
        paths = [
            written(origin.path) if origin else "" for origin in by_window(origins)
        ]
        return (origins[0].gravityspy_id or "", *paths, *when(origins[0]))

    def row(self, row: Row) -> dict[str, Cell]:
        """Give one row's cells; a failure has a status and an error."""
        cells = self._cells(row)
        return {n: written(c) if isinstance(c, str) else c for n, c in cells.items()}

    def _cells(self, row: Row) -> dict[str, Cell]:
        answer = answer_of(row)
        origin = answer.origin
        cells: dict[str, Cell] = dict.fromkeys(self.names())
        cells |= {
            "gravityspy_id": origin.gravityspy_id,
            "ifo": origin.ifo,
            "model_name": self.model_name,
        }
        if origin.trigger:
            cells |= asdict(origin.trigger)
        cells |= self._answer(answer)
        if isinstance(row, Glitch):
            return cells | _views(row)
        return cells | {"path": origin.path, "window": origin.window}

    def _answer(self, result: Result) -> dict[str, Cell]:
        if not isinstance(result, Prediction):
            return {"status": "failed", "error": result.reason}
        cells: dict[str, Cell] = {
            name: round(score, 6) for name, score in result.scores.items()
        }
        for rank, (label, score) in enumerate(ranked(result, self.top_k), start=1):
            suffix = f"_{rank}" if rank > 1 else ""
            cells[f"ml_label{suffix}"] = label
            cells[f"ml_confidence{suffix}"] = round(score, 6)
        cells["status"] = "ok"
        if self.min_confidence is not None:
            sure = result.familiar and result.confidence >= self.min_confidence
            cells["confident_label"] = result.label if sure else None
            cells["status"] = "ok" if sure else "uncertain"
        if not result.familiar:
            cells["status"] = "unfamiliar"
        if result.shifted:
            labels = result.shifted.items()
            cells["time_shift_labels"] = " ".join(
                f"{shift_s * 1000:+.0f}:{label or 'failed'}"
                for shift_s, label in labels
            )
            cells["time_shift_stable"] = {name for _, name in labels} == {result.label}
        return cells


def _views(glitch: Glitch) -> dict[str, Cell]:
    """Give the cells that only a glitch has; some views failing makes it partial."""
    places = by_window([view.origin for view in glitch.views])
    cells: dict[str, Cell] = {
        name: origin.path if origin else None
        for name, origin in zip(FILENAMES, places, strict=True)
    }
    cells["n_views"] = len(glitch.views) - len(glitch.failures())
    if glitch.is_partial():
        cells |= {"status": "partial", "error": glitch.reasons()}
    return cells


def ranked(result: Prediction, count: int) -> list[tuple[str, float]]:
    """List the `count` likeliest classes with their probabilities, best first."""
    return sorted(result.scores.items(), key=lambda item: -item[1])[:count]


def read_key(cells: Mapping[str, Cell]) -> Key:
    """Give the key of a row that was written before."""
    name = str(cells.get("gravityspy_id") or "")
    time = _number(cells.get("event_time"))
    times = (time,) if time else ()
    if FILENAMES[0] in cells:
        return (name, *(str(cells.get(column) or "") for column in FILENAMES), *times)
    path = written(str(cells.get("path")))
    return path, name, _number(cells.get("window")), *times


def _number(cell: Cell) -> str:
    """Write a number as it is written here: another program may write 1.0 as 1."""
    try:
        return "" if cell is None else str(float(cell))
    except (TypeError, ValueError, OverflowError):
        return str(cell)
