"""An evaluation as one page that needs no other file, with its tables beside it."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gspy_cli.evaluation import figures, outputs
from gspy_cli.evaluation.comparison import compare
from gspy_cli.evaluation.comparison_page import (
    CONTENDERS,
    comparison_sections,
    contender_line,
)
from gspy_cli.evaluation.evaluation import Evaluation
from gspy_cli.evaluation.fragments import page
from gspy_cli.evaluation.reference import Agreement
from gspy_cli.evaluation.sections import sections
from gspy_cli.training.history import Row
from gspy_cli.whole import writing

FIGURES = (
    *("confusion", "confusion_normalised", "reliability", "errors"),
    *("curves", "parameters"),
)


def write_reports(
    folder: Path,
    evaluations: Sequence[Evaluation],
    agreements: Sequence[Agreement | None],
) -> Path:
    """Write the report of one subject, or of several with a page that compares them.

    Raises
    ------
    GspyError
        The folder cannot be written.
    """
    with writing(folder):
        if len(evaluations) == 1:
            return write_report(folder, evaluations[0], agreements[0])
        names = [folder_name(i, e) for i, e in enumerate(evaluations)]
        for name, evaluation, agreement in zip(
            names, evaluations, agreements, strict=True
        ):
            write_report(folder / name, evaluation, agreement)
        return write_comparison(folder, evaluations, names)


def folder_name(number: int, evaluation: Evaluation) -> str:
    """Name a subject's own folder."""
    return f"{number + 1}-{re.sub(r'[^A-Za-z0-9._-]', '_', evaluation.subject.name)}"


def write_report(
    folder: Path, evaluation: Evaluation, agreement: Agreement | None
) -> Path:
    """Write `index.html`, its figures and tables; give the page's path."""
    make_ready(folder)
    outputs.write_outputs(folder, evaluation, agreement)
    drawn = draw_figures(evaluation, folder)
    return write_page(folder, title(evaluation), sections(evaluation, agreement, drawn))


def make_ready(folder: Path) -> None:
    """Make a report's folder, without the figures of an earlier report there."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "index.html").exists():
        for name in FIGURES:
            (folder / f"{name}.png").unlink(missing_ok=True)


def title(evaluation: Evaluation) -> str:
    """Name the subject, and the data that are not its own."""
    subject, source = evaluation.subject, Path(evaluation.selection.source)
    own = subject.data == source
    return subject.name if own else f"{subject.name} on {source.name}"


def write_page(folder: Path, title: str, body: Iterator[str]) -> Path:
    """Write a page; names that are not UTF-8 stay readable."""
    path = folder / "index.html"
    path.write_text(page(title, body), encoding="utf-8", errors="backslashreplace")
    return path


def draw_figures(evaluation: Evaluation, folder: Path) -> dict[str, bytes]:
    """Draw all figures of a subject, and keep each as a file too."""
    answers = evaluation.pictures
    drawn = {
        "confusion": figures.draw_confusion(answers, normalised=False),
        "confusion_normalised": figures.draw_confusion(answers, normalised=True),
        "reliability": figures.draw_reliability(answers, evaluation.calibration),
    }
    if evaluation.errors:
        drawn["errors"] = figures.draw_errors(evaluation.errors)
    if curves := draw_histories(evaluation.subject.histories):
        drawn["curves"] = curves
    for name, content in drawn.items():
        (folder / f"{name}.png").write_bytes(content)
    return drawn


def draw_histories(histories: Mapping[str, tuple[Row, ...]]) -> bytes | None:
    """Draw how training went: one run's curves, or several runs' validation."""
    if not any(histories.values()):
        return None
    from gspy_cli.training.curves import draw_comparison, draw_curves

    if len(histories) == 1:
        return draw_curves(next(iter(histories.values())))
    return draw_comparison(histories)


def write_comparison(
    folder: Path, evaluations: Sequence[Evaluation], names: Sequence[str]
) -> Path:
    """Write the page that compares, and `comparison.csv`."""
    make_ready(folder)
    rows = compare(evaluations)
    lines = [contender_line(row) for row in rows]
    outputs.write_table(folder / "comparison.csv", CONTENDERS, lines)
    drawn = {"size": figures.draw_size(rows)}
    histories = {
        e.subject.name: history
        for e in evaluations
        for history in e.subject.histories.values()
        if not math.isnan(history[-1].validation_accuracy)
    }
    if len(histories) > 1:
        drawn["curves"] = draw_histories(histories)
    for name, file in (("size", "parameters"), ("curves", "curves")):
        if content := drawn.get(name):
            (folder / f"{file}.png").write_bytes(content)
    body = comparison_sections(evaluations, lines, drawn, names)
    return write_page(folder, f"{len(rows)} models compared", body)
