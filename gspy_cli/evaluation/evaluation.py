"""One subject on one selection of pictures: all answers, and what to know of them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gspy_cli.callbacks import Progress
from gspy_cli.errors import GspyError
from gspy_cli.evaluation.misclassifications import Misclassification, find_errors
from gspy_cli.evaluation.reference import Agreement
from gspy_cli.evaluation.scores import (
    Calibration,
    ClassRow,
    Scores,
    calibration,
    score,
    score_classes,
    score_windows,
)
from gspy_cli.evaluation.selection import (
    Selection,
    note_of_choice,
    note_of_training,
    select,
)
from gspy_cli.evaluation.subjects import Subject
from gspy_cli.results import Failure
from gspy_cli.training.answers import Answers
from gspy_cli.wording import counted


@dataclass(frozen=True)
class Evaluation:
    """The answers of a subject, per picture and per glitch with its views fused.

    `rate` is in pictures per second, of the scoring alone. `notes` are warnings, one
    line each. `agreement` is that with Gravity Spy's labels, where those are given.
    """

    subject: Subject
    selection: Selection
    pictures: Answers
    glitches: Answers
    failures: tuple[Failure, ...]
    rate: float | None
    notes: tuple[str, ...]
    agreement: Agreement | None = None

    @cached_property
    def picture_scores(self) -> Scores:
        """The scores of all pictures."""
        return score(self.pictures)

    @cached_property
    def window_scores(self) -> dict[float, Scores]:
        """The scores of the pictures of each length, in seconds."""
        return score_windows(self.pictures)

    @cached_property
    def glitch_scores(self) -> Scores:
        """The scores of the glitches, windows fused."""
        return score(self.glitches)

    @cached_property
    def per_class(self) -> list[ClassRow]:
        """The scores of each class."""
        return score_classes(self.pictures, self.glitches)

    @cached_property
    def calibration(self) -> Calibration | None:
        """How the answers to pictures are calibrated, fitted once."""
        return calibration(self.pictures)

    @cached_property
    def errors(self) -> list[Misclassification]:
        """The pictures named wrong, the most confident first, looked for once."""
        return find_errors(self.pictures)


def selection_for(
    subjects: list[Subject],
    data: Path | None,
    *,
    split: str | None,
    window: float | None,
) -> Selection:
    """Select what all subjects are evaluated on: classes that each of them knows.

    Raises
    ------
    GspyError
        No data are given and the first subject has none of its own, the subjects
        have no class in common, there is nothing to evaluate on, or one glitch has
        two labels.
    """
    first, *others = subjects
    source = data or first.data
    if source is None:
        raise GspyError(
            f"{first.name} has no labelled pictures of its own: give them with --data"
        )
    common = [c for c in first.classes if all(c in o.classes for o in others)]
    if not common:
        names = " and ".join(subject.name for subject in subjects)
        raise GspyError(f"{names} have no class in common: evaluate them one by one")
    every = {c for subject in subjects for c in subject.classes} if others else ()
    return select(source, common, every=every, split=split, window=window)


def evaluate(
    subject: Subject, selection: Selection, *, batch_size: int, progress: Progress
) -> Evaluation:
    """Let a subject name the pictures of a selection.

    Raises
    ------
    GspyError
        Not one of them can be read.
    """
    judged = subject.judge(selection.examples, batch_size, progress)
    if not len(judged.answers):
        raise GspyError(
            f"{subject.name} answers none of "
            f"{counted(len(selection.examples), 'picture')} of {selection.source} "
            f"({judged.failures[0].reason})"
        )
    seen = (
        *note_of_training(subject.card, selection),
        *note_of_choice(subject.chosen_by, selection),
    )
    return Evaluation(
        subject=subject,
        selection=selection,
        pictures=judged.answers,
        glitches=judged.answers.fused(),
        failures=judged.failures,
        rate=judged.rate,
        notes=(*seen, *subject.notes, *selection.notes),
    )
