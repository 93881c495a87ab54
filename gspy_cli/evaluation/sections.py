"""The parts of one subject's page."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple

from gspy_cli.evaluation import outputs
from gspy_cli.evaluation.errors_section import errors_section
from gspy_cli.evaluation.evaluation import Evaluation
from gspy_cli.evaluation.fragments import figure, heading, notes, paragraph, table
from gspy_cli.evaluation.reference import Agreement
from gspy_cli.evaluation.scores import Scores, most_confused
from gspy_cli.wording import counted

LEVELS = ["", "number", "right", "accuracy", "from", "to", "macro-F1", "weighted F1"]
LEVELS += ["balanced accuracy", "top 2", "calibration error", "-log p"]
AGREEMENT = ["Gravity Spy says", "glitches", "agree", "part", "from", "to"]


def sections(evaluation: Evaluation, drawn: Mapping[str, bytes]) -> Iterator[str]:
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
    yield table(names, map(astuple, evaluation.per_class), sortable=True)
    yield from calibration_section(evaluation, drawn)
    if evaluation.agreement:
        yield from agreement_section(evaluation.agreement)
    yield from errors_section(evaluation.errors)
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
    if card := subject.card:
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
    glitches = evaluation.glitch_scores
    yield heading("Scores")
    yield paragraph(
        f"{glitches.right} of {counted(glitches.count, 'glitch')} named right, "
        f"windows fused: {glitches.accuracy:.3f}, with 95 % confidence between "
        f"{glitches.interval[0]:.3f} and {glitches.interval[1]:.3f}."
    )
    windows = evaluation.window_scores
    yield table(
        LEVELS,
        [
            level("glitches, fused", glitches),
            level("pictures", evaluation.picture_scores),
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
    plain, suited = evaluation.picture_scores, evaluation.calibration
    if suited:
        yield paragraph(
            f"The expected calibration error is {plain.calibration_error:.3f}. These "
            f"answers suit a temperature of {suited.temperature:.2f} best, where 1 is "
            "the model's own. At temperatures fitted on one half of the glitches and "
            f"tried on the other, the error is {suited.error_cross_fitted:.3f}."
        )
    caption = "Accuracy against confidence, 95 % intervals; below, how many are where."
    yield figure(drawn["reliability"], caption, width=640)


def agreement_section(agreement: Agreement) -> Iterator[str]:
    """Show how far the answers agree with Gravity Spy's own."""
    yield heading("Against Gravity Spy's own labels")
    low, high = agreement.interval
    part = agreement.agree / agreement.glitches
    yield paragraph(
        f"{agreement.agree} of {counted(agreement.glitches, 'glitch')} in "
        f"{agreement.source} with the same label: {part:.3f}, 95 % interval "
        f"{low:.3f} to {high:.3f}. {counted(agreement.not_in_reference, 'glitch')} not "
        f"in it. By the labels of the data, {agreement.ours_right} of ours and "
        f"{agreement.theirs_right} of theirs are right."
    )
    rows = [
        (c.label, c.glitches, c.agree, c.agree / c.glitches, *c.interval)
        for c in agreement.classes
    ]
    yield table(AGREEMENT, rows, sortable=True)
