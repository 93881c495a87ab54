"""An evaluation as one page that needs no other file, with its tables beside it."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gspy_cli.errors import GspyError
from gspy_cli.evaluation import figures, outputs
from gspy_cli.evaluation.comparison import Contender, compare
from gspy_cli.evaluation.errors_section import errors_section
from gspy_cli.evaluation.evaluation import Evaluation
from gspy_cli.evaluation.fragments import (
    figure,
    heading,
    link,
    notes,
    page,
    paragraph,
    table,
)
from gspy_cli.evaluation.gallery import find_errors, read_plot
from gspy_cli.evaluation.reference import Agreement
from gspy_cli.evaluation.scores import (
    Scores,
    calibration,
    most_confused,
    score,
    score_windows,
)
from gspy_cli.training.history import Row

LEVELS = ["", "number", "right", "accuracy", "from", "to", "macro-F1", "weighted F1"]
LEVELS += ["balanced accuracy", "top 2", "calibration error", "-log p"]
CONTENDERS = ["model", "parameters", "MB", "pictures right", "glitches right", "from"]
CONTENDERS += ["to", "macro-F1", "pictures/s", "only the first right"]
CONTENDERS += ["only this right", "McNemar's p"]
AGREEMENT = ["Gravity Spy says", "glitches", "agree", "part", "from", "to"]


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
    try:
        if len(evaluations) == 1:
            return write_report(folder, evaluations[0], agreements[0])
        names = [folder_name(i, e) for i, e in enumerate(evaluations)]
        for name, evaluation, agreement in zip(
            names, evaluations, agreements, strict=True
        ):
            write_report(folder / name, evaluation, agreement)
        return write_comparison(folder, evaluations, names)
    except OSError as error:
        raise GspyError(f"cannot write {folder} ({error.strerror or error})") from None


def folder_name(number: int, evaluation: Evaluation) -> str:
    """Name a subject's own folder."""
    return f"{number + 1}-{re.sub(r'[^A-Za-z0-9._-]', '_', evaluation.subject.name)}"


def write_report(
    folder: Path, evaluation: Evaluation, agreement: Agreement | None
) -> Path:
    """Write `index.html`, its figures and tables; give the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs.write_outputs(folder, evaluation, agreement)
    drawn = draw_figures(evaluation, folder)
    return write_page(folder, title(evaluation), sections(evaluation, agreement, drawn))


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
        "reliability": figures.draw_reliability(answers, calibration(answers)),
    }
    if errors := find_errors(answers):
        drawn["errors"] = figures.draw_errors(errors, read_plot)
    for name, content in drawn.items():
        (folder / f"{name}.png").write_bytes(content)
    if curves := draw_histories(evaluation.subject.histories, folder):
        drawn["curves"] = curves
    return drawn


def draw_histories(
    histories: Mapping[str, tuple[Row, ...]], folder: Path
) -> bytes | None:
    """Draw how training went: one run's curves, or several runs' validation."""
    if not any(histories.values()):
        return None
    from gspy_cli.training.curves import draw_comparison, draw_curves

    path = folder / "curves.png"
    if len(histories) == 1:
        draw_curves(next(iter(histories.values())), path)
    else:
        draw_comparison(histories, path)
    return path.read_bytes()


def sections(
    evaluation: Evaluation, agreement: Agreement | None, drawn: Mapping[str, bytes]
) -> Iterator[str]:
    """Give the parts of one subject's page."""
    yield paragraph(about(evaluation), "faint")
    yield notes(evaluation.notes)
    yield from scores_section(evaluation)
    yield from confusion_section(evaluation, drawn)
    yield heading("Class by class")
    yield paragraph(
        "A click on a heading sorts. The interval is the 95 % one of the recall per "
        "glitch; a dash is a score that is not defined.",
        "faint",
    )
    names = [name.replace("_", " ") for name in outputs.PER_CLASS]
    yield table(names, outputs.per_class(evaluation), sortable=True)
    yield from calibration_section(evaluation, drawn)
    if agreement:
        yield from agreement_section(agreement)
    yield from errors_section(find_errors(evaluation.pictures))
    if "curves" in drawn:
        yield heading("Training")
        yield figure(drawn["curves"], "Loss and accuracy by epoch.", width=900)
    if evaluation.failures:
        yield heading("Without an answer")
        rows = [(f.origin.path, f.reason) for f in evaluation.failures]
        yield table(["picture", "reason"], rows)


def about(evaluation: Evaluation) -> str:
    """Say what was evaluated on what, and how."""
    subject, chosen = evaluation.subject, evaluation.selection
    split = "all pictures" if chosen.split == "all" else f"the {chosen.split} split"
    parts = [f"{subject.name} on {split} of {chosen.source}."]
    if subject.card:
        card = subject.card
        parts.append(f"{card.architecture}, {card.parameters:,} parameters.")
    if subject.held_out:
        parts.append(
            "k-fold over glitches: each picture was named by a network that has seen "
            "no picture of its glitch."
        )
    if evaluation.rate:
        parts.append(f"{evaluation.rate:.0f} pictures a second, scoring alone.")
    return " ".join(parts)


def scores_section(evaluation: Evaluation) -> Iterator[str]:
    """Give the scores per picture, per window and per glitch."""
    glitches = score(evaluation.glitches)
    yield heading("Scores")
    yield paragraph(
        f"{glitches.right} of {glitches.count} glitches are named right with their "
        f"windows fused: {glitches.accuracy:.3f}, with 95 % confidence between "
        f"{glitches.interval[0]:.3f} and {glitches.interval[1]:.3f}."
    )
    windows = score_windows(evaluation.pictures)
    yield table(
        LEVELS,
        [
            level("glitches, fused", glitches),
            level("pictures", score(evaluation.pictures)),
            *(level(f"pictures of {w:g} s", s) for w, s in windows.items()),
        ],
    )
    yield paragraph(
        "From and to bound the accuracy with 95 % confidence (Wilson). The windows of "
        "one glitch are not independent, so the interval of pictures is too narrow; "
        "that of glitches is right. F1 and balanced accuracy are over the classes "
        "that have examples.",
        "faint",
    )


def level(name: str, scores: Scores) -> list[str | int | float]:
    """Give one line of the table of scores."""
    return [
        *(name, scores.count, scores.right, scores.accuracy, *scores.interval),
        *(scores.macro_f1, scores.weighted_f1, scores.balanced_accuracy),
        *(scores.top_2_accuracy, scores.calibration_error),
        scores.negative_log_likelihood,
    ]


def confusion_section(
    evaluation: Evaluation, drawn: Mapping[str, bytes]
) -> Iterator[str]:
    """Show which classes are taken for which."""
    yield heading("What is taken for what")
    yield figure(drawn["confusion"], "Confusion matrix, pictures.", width=900)
    yield figure(
        drawn["confusion_normalised"],
        "The same as parts of each true class: the diagonal is the recall.",
        width=900,
    )
    if pairs := most_confused(evaluation.pictures):
        yield paragraph("The commonest errors:")
        yield table(["true", "named", "pictures"], pairs)


def calibration_section(
    evaluation: Evaluation, drawn: Mapping[str, bytes]
) -> Iterator[str]:
    """Show how far confidence can be believed."""
    yield heading("Calibration")
    plain, warmth = score(evaluation.pictures), calibration(evaluation.pictures)
    if warmth:
        yield paragraph(
            f"The expected calibration error is {plain.calibration_error:.3f}. These "
            f"answers suit a temperature of {warmth.temperature:.2f} best, where 1 is "
            "the model's own. At temperatures fitted on one half of the glitches and "
            f"tried on the other, the error is {warmth.error_cross_fitted:.3f}."
        )
    caption = "Accuracy against confidence, 95 % intervals; below, how many are where."
    yield figure(drawn["reliability"], caption, width=640)


def agreement_section(agreement: Agreement) -> Iterator[str]:
    """Show how far the answers agree with Gravity Spy's own."""
    yield heading("Against Gravity Spy's own labels")
    low, high = agreement.interval
    yield paragraph(
        f"{agreement.agree} of the {agreement.glitches} glitches in {agreement.source} "
        f"get the same label: {agreement.agree / agreement.glitches:.3f}, 95 % "
        f"interval {low:.3f} to {high:.3f}. {agreement.not_in_reference} glitches are not in it. "
        f"By the labels of the data, {agreement.ours_right} of ours and "
        f"{agreement.theirs_right} of theirs are right."
    )
    rows = [
        (c.label, c.glitches, c.agree, c.agree / c.glitches, *c.interval)
        for c in agreement.classes
    ]
    yield table(AGREEMENT, rows, sortable=True)


def write_comparison(
    folder: Path, evaluations: Sequence[Evaluation], names: Sequence[str]
) -> Path:
    """Write the page that compares, and `comparison.csv`."""
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
        drawn["curves"] = draw_histories(histories, folder)
    if drawn["size"]:
        (folder / "parameters.png").write_bytes(drawn["size"])
    body = comparison_sections(evaluations, lines, drawn, names)
    return write_page(folder, f"{len(rows)} models compared", body)


def contender_line(row: Contender) -> list[str | int | float | None]:
    """Give one line of the table that compares."""
    size = row.size / 1e6 if row.size else None
    return [
        *(row.name, row.parameters, size, row.pictures.accuracy),
        *(row.glitches.accuracy, *row.glitches.interval, row.glitches.macro_f1),
        *(row.rate, row.only_first, row.only_this, row.p),
    ]


def comparison_sections(
    evaluations: Sequence[Evaluation],
    lines: Sequence[Sequence[str | int | float | None]],
    drawn: Mapping[str, bytes | None],
    names: Sequence[str],
) -> Iterator[str]:
    """Give the parts of the page that compares."""
    first = evaluations[0]
    yield paragraph(
        f"The same {len(first.pictures)} pictures of {len(first.glitches)} glitches "
        f"({first.selection.source}) for all. Intervals (95 %), F1 and McNemar's exact "
        f"test against {first.subject.name} are per glitch, windows fused.",
        "faint",
    )
    yield notes([f"{e.subject.name}: {note}" for e in evaluations for note in e.notes])
    yield table(CONTENDERS, lines, sortable=True)
    if content := drawn.get("size"):
        yield figure(content, "Accuracy per glitch against parameters.", width=700)
    if content := drawn.get("curves"):
        yield figure(content, "Validation loss and accuracy by epoch.", width=900)
    for name, evaluation in zip(names, evaluations, strict=True):
        yield link(f"{name}/index.html", f"the report of {evaluation.subject.name}")
