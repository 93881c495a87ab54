"""An evaluation as files that programs read. What is undefined is null or empty."""

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, fields
from pathlib import Path
from typing import Any

from gspy_cli.evaluation.answer_tables import OURS
from gspy_cli.evaluation.evaluation import Evaluation
from gspy_cli.evaluation.scores import ClassRow, confusion_of, most_confused
from gspy_cli.training.history import cell

NewFile = Callable[[str], Path]
"""Gives the path to write a file of a report to, by the file's name."""

OF_CARD = ("architecture", "parameters", "sha256")
PER_CLASS = ["class", *(field.name for field in fields(ClassRow)[1:])]


def write_outputs(new: NewFile, evaluation: Evaluation) -> None:
    """Write metrics.json, per_class.csv, confusion.csv and predictions.csv."""
    values = plain(metrics(evaluation))
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    new("metrics.json").write_text(
        text + "\n", encoding="utf-8", errors="backslashreplace"
    )
    write_table(new("per_class.csv"), PER_CLASS, map(astuple, evaluation.per_class))
    classes = evaluation.subject.classes
    counts = confusion_of(evaluation.pictures).tolist()
    rows = [[name, *row] for name, row in zip(classes, counts, strict=True)]
    write_table(new("confusion.csv"), ["true \\ named", *classes], rows)
    write_table(new("predictions.csv"), [*OURS, *classes], prediction_rows(evaluation))


def metrics(evaluation: Evaluation) -> dict[str, Any]:
    """Give all numbers of an evaluation; NaN where undefined."""
    subject, chosen = evaluation.subject, evaluation.selection
    suited, agreement = evaluation.calibration, evaluation.agreement
    return {
        "model": {
            "name": subject.name,
            **{name: getattr(subject.card, name, None) for name in OF_CARD},
            "bytes": subject.size,
            "held_out": subject.held_out,
        },
        "data": {"source": str(chosen.source), "split": chosen.split},
        "notes": list(evaluation.notes),
        "unanswered": {f.origin.path: f.reason for f in evaluation.failures},
        "pictures_per_second": evaluation.rate,
        "pictures": asdict(evaluation.picture_scores),
        "windows": {str(w): asdict(s) for w, s in evaluation.window_scores.items()},
        "glitches": asdict(evaluation.glitch_scores),
        "calibration": suited
        and {
            "best_temperature": suited.temperature,
            "calibration_error_cross_fitted": suited.error_cross_fitted,
            "negative_log_likelihood_cross_fitted": suited.likelihood_cross_fitted,
        },
        "most_confused": most_confused(evaluation.pictures),
        "reference": agreement and asdict(agreement),
    }


def plain(value: Any) -> Any:  # noqa: ANN401
    """Put None for every NaN, at any depth."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def prediction_rows(evaluation: Evaluation) -> Iterable[list[Any]]:
    """List each picture's answer and that of its glitch."""
    classes, answers = evaluation.subject.classes, evaluation.pictures
    glitches = evaluation.glitches
    fused = {
        example.glitch: classes[named]
        for example, named in zip(glitches.examples, glitches.named, strict=True)
    }
    named, confidence, right = answers.named, answers.confidence, answers.right
    for i, example in enumerate(answers.examples):
        scores = [round(float(p), 6) for p in answers.probabilities[i]]
        yield [
            *(example.path.resolve(), example.glitch, example.window, example.label),
            *(classes[named[i]], round(float(confidence[i]), 6)),
            *(bool(right[i]), fused[example.glitch], *scores),
        ]


def write_table(
    path: Path, names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write a CSV table, an empty cell for None and NaN."""
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as f:
        table = csv.writer(f, lineterminator="\n")
        table.writerow(names)
        table.writerows([cell(value) for value in row] for row in rows)
