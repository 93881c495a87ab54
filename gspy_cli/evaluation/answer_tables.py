"""Tables of answers: those of `gspy classify`, of k-fold scoring and of a report."""

import csv
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gspy_cli.errors import GspyError
from gspy_cli.evaluation.judgement import Judgement
from gspy_cli.results import COLUMN, FILENAMES, Failure, Origin, written
from gspy_cli.training.answers import Answers
from gspy_cli.training.examples import Example

OURS = ["file", "glitch", "window", "label", "ml_label", "ml_confidence"]
OURS += ["right", "glitch_ml_label"]
"""The columns of a report's `predictions.csv` before those of the classes."""

FUSED = "a table of glitches: each picture counts with the answer of its glitch"


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """A table of answers: a row of cells for each picture, at least one."""

    path: Path
    classes: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    per_glitch: bool = False

    @property
    def has_labels(self) -> bool:
        """Whether the table names the true classes too."""
        return {"file", "label"} <= self.rows[0].keys()

    @property
    def model_name(self) -> str:
        """The model that the table says its answers are from; empty if none."""
        return self.rows[0].get("model_name", "")


def read_answers(path: Path) -> AnswerTable:
    """Read a table with one column for each class."""
    try:
        with path.open(
            newline="", encoding="utf-8-sig", errors="surrogateescape"
        ) as file:
            reader = csv.DictReader(file)
            rows: tuple[Mapping[str, str], ...] = tuple(reader)
            names = list(reader.fieldnames or ())
    except OSError as error:
        raise GspyError(f"cannot read {path}: {error.strerror}") from None
    per_glitch = FILENAMES[0] in names
    if per_glitch:
        rows = tuple(by_picture(rows))
    table = AnswerTable(path, class_columns(names), rows, per_glitch)
    if not {"path", "file", FILENAMES[0]} & set(names) or len(table.classes) < 2:
        raise GspyError(
            f"{path} is no table of answers: it needs a column 'path' or 'file' and "
            "one for each class, as 'gspy classify -o labels.csv' writes"
        )
    if not rows:
        raise GspyError(f"{path} has no rows: classify some pictures first")
    return table


def by_picture(rows: Iterable[Mapping[str, str]]) -> Iterator[Mapping[str, str]]:
    """Give each picture of a glitch the glitch's row, with its path."""
    for row in rows:
        for column in FILENAMES:
            if path := row.get(column):
                yield {**row, "path": path}


def class_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Give the classes: they stand after files and labels, and before any status."""
    after = [names.index(n) for n in (FILENAMES[0], "status") if n in names]
    front = names[: min(after, default=len(names))]
    known = [i for i, name in enumerate(front, 1) if COLUMN.fullmatch(name)]
    return tuple(front[max(known, default=len(front)) :])


def answers_of(table: AnswerTable, examples: Sequence[Example]) -> Judgement:
    """Find the answers to pictures, by path or else by a file name that is alone."""
    paths = [resolved(example.path) for example in examples]
    rows = placed(table, paths)
    ours, theirs = (Counter(p.name for p in some) for some in (rows, paths))
    by_name = {
        path.name: row
        for path, row in rows.items()
        if ours[path.name] == theirs[path.name] == 1
    }
    kept: list[Example] = []
    found: list[list[float]] = []
    failures: list[Failure] = []
    for example, path in zip(examples, paths, strict=True):
        row = rows.get(path) or by_name.get(path.name)
        answer = row and probabilities(row, table)
        if answer:
            kept.append(example)
            found.append(answer)
        else:
            reason = (row or {}).get("error") or f"not in {table.path.name}"
            failures.append(Failure(Origin(str(example.path)), reason))
    array = np.array(found).reshape(len(found), len(table.classes))
    return Judgement(Answers(tuple(kept), array, table.classes), tuple(failures))


def placed(
    table: AnswerTable, paths: Collection[Path]
) -> dict[Path, Mapping[str, str]]:
    """Give the rows by the pictures that they are about; those of none are left out.

    Relative paths are from this folder, or from the table's where that finds more.
    """
    cells = ((row.get("path") or row.get("file"), row) for row in table.rows)
    named = [(name, row) for name, row in cells if name and "\0" not in name]
    found = (
        {resolved(base / name): row for name, row in named}
        for base in (Path(), table.path.parent)
    )
    return max(found, key=lambda rows: sum(path in rows for path in paths))


def resolved(path: Path) -> Path:
    """Give a picture's whole path, odd bytes escaped as in a table."""
    return Path(written(str(path.resolve())))


def probabilities(row: Mapping[str, str], table: AnswerTable) -> list[float]:
    """Give a row's probabilities; none where it has failed."""
    cells = [row[name] for name in table.classes]
    if not any(cells):
        return []
    try:
        values = [float(cell) for cell in cells]
    except (TypeError, ValueError):
        values = [math.nan]
    if not (min(values) >= 0 and abs(sum(values) - 1) < 0.01):
        raise GspyError(
            f"{table.path}: the columns {table.classes[0]} to {table.classes[-1]} of "
            f"{row.get('path') or row.get('file')} are not probabilities that sum to 1"
        )
    return values
