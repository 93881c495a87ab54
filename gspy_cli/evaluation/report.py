"""An evaluation as one page that needs no other file, with its tables beside it."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gspy_cli.evaluation import figures, fragments, outputs
from gspy_cli.evaluation.comparison import compare
from gspy_cli.evaluation.comparison_page import (
    CONTENDERS,
    comparison_sections,
    contender_line,
)
from gspy_cli.evaluation.evaluation import Evaluation
from gspy_cli.evaluation.outputs import NewFile
from gspy_cli.evaluation.sections import sections
from gspy_cli.training.curves import draw_comparison, draw_curves
from gspy_cli.whole import remove_left, whole_file, writing

OF_SEVERAL = {"index.html", "comparison.csv", "parameters.png", "curves.png"}
OF_ONE = {"index.html", "metrics.json", "per_class.csv", "confusion.csv"}
OF_ONE |= {"predictions.csv", "confusion.png", "confusion_normalised.png"}
OF_ONE |= {"reliability.png", "errors.png", "curves.png"}
"""The files that a report may have, of several models or of one."""


def write_reports(folder: Path, evaluations: Sequence[Evaluation]) -> Path:
    """Write the report of one subject, or of several with a page that compares them.

    Raises
    ------
    GspyError
        The folder cannot be written.
    """
    with writing(folder), ExitStack() as reports:
        if len(evaluations) == 1:
            own = reports.enter_context(renewed(folder))
            write_report(*own, evaluations[0])
        else:
            names = [folder_name(i, e) for i, e in enumerate(evaluations)]
            page, new = reports.enter_context(renewed(folder, below=names))
            for name, evaluation in zip(names, evaluations, strict=True):
                own = reports.enter_context(renewed(folder / name))
                write_report(*own, evaluation)
            write_comparison_page(page, new, evaluations, names)
    return folder / "index.html"


def folder_name(number: int, evaluation: Evaluation) -> str:
    """Name a subject's own folder."""
    return f"{number + 1}-{re.sub(r'[^A-Za-z0-9._-]', '_', evaluation.subject.name)}"


def write_report(page: Path, new: NewFile, evaluation: Evaluation) -> None:
    """Write the page of a subject, its figures and tables."""
    outputs.write_outputs(new, evaluation)
    drawn = draw_figures(new, evaluation)
    write_page(page, title(evaluation), sections(evaluation, drawn))


@contextmanager
def renewed(
    folder: Path, *, below: Sequence[str] = ()
) -> Iterator[tuple[Path, NewFile]]:
    """Let a report's page and other files be written; none if one cannot be.

    They take their places at the end, the page last: until then the old one tells
    what is of an earlier report. Of that go the files that this one has not, and the
    reports that are not `below` this one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_left(folder)
    stale = files_of(folder)
    kept = {name.casefold() for name in below}  # as some file systems
    with ExitStack() as files:

        def new(name: str) -> Path:
            stale.discard(name)
            return files.enter_context(whole_file(folder / name))

        def clear(failed: object, *_: object) -> None:
            if not failed:
                for name in fragments.reports_below(folder / "index.html"):
                    if name.casefold() not in kept:
                        remove_report(folder / name)
                for name in stale:
                    (folder / name).unlink(missing_ok=True)

        page = new("index.html")
        files.push(clear)
        yield page, new


def files_of(folder: Path) -> set[str]:
    """Name the files that the report in a folder may have; none without a report."""
    page = folder / "index.html"
    if not fragments.is_ours(page):
        return set()
    return set(OF_SEVERAL if fragments.reports_below(page) else OF_ONE)


def remove_report(folder: Path) -> None:
    """Remove a report, and its folder unless that holds more."""
    for name in sorted(files_of(folder), key="index.html".__eq__):  # the page last
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def title(evaluation: Evaluation) -> str:
    """Name the subject, and the data that are not its own."""
    subject, source = evaluation.subject, evaluation.selection.source
    own = subject.data == source
    return subject.name if own else f"{subject.name} on {source.name}"


def write_page(path: Path, title: str, body: Iterator[str]) -> None:
    """Write a page; names that are not UTF-8 stay readable."""
    text = fragments.page(title, body)
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def draw_figures(new: NewFile, evaluation: Evaluation) -> dict[str, bytes]:
    """Draw all figures of a subject, and keep each as a file too."""
    answers = evaluation.pictures
    drawn = {
        "confusion": figures.draw_confusion(answers, normalised=False),
        "confusion_normalised": figures.draw_confusion(answers, normalised=True),
        "reliability": figures.draw_reliability(answers, evaluation.calibration),
    }
    if evaluation.errors:
        drawn["errors"] = figures.draw_errors(evaluation.errors)
    histories = evaluation.subject.histories
    if len(histories) == 1 and any(histories.values()):
        drawn["curves"] = draw_curves(*histories.values())
    elif any(histories.values()):
        drawn["curves"] = draw_comparison(histories)
    for name, content in drawn.items():
        new(f"{name}.png").write_bytes(content)
    return drawn


def write_comparison_page(
    page: Path, new: NewFile, evaluations: Sequence[Evaluation], names: Sequence[str]
) -> None:
    """Write the page that compares, and `comparison.csv`."""
    rows = compare(evaluations)
    lines = [contender_line(row) for row in rows]
    drawn = {"parameters": figures.draw_size(rows)}
    histories = {
        e.subject.name: history
        for e in evaluations
        if len(e.subject.histories) == 1  # each of several folds has its own
        for history in e.subject.histories.values()
        if not math.isnan(history[-1].validation_accuracy)
    }
    if len(histories) > 1:
        drawn["curves"] = draw_comparison(histories)
    outputs.write_table(new("comparison.csv"), CONTENDERS, lines)
    for name, content in drawn.items():
        if content:
            new(f"{name}.png").write_bytes(content)
    body = comparison_sections(evaluations, lines, drawn, names)
    write_page(page, f"{len(rows)} models compared", body)
