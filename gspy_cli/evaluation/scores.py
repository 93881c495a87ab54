"""The scores of answers: per picture, per window and per glitch."""

import math
from dataclasses import dataclass
from pathlib import PurePath
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from gspy_cli.metrics import (
    calibration_error,
    class_scores,
    confusion_matrix,
    fit_temperature,
    negative_log_likelihood,
    tempered,
    top_2_accuracy,
    wilson_interval,
)
from gspy_cli.training.answers import Answers


@dataclass(frozen=True, slots=True)
class Scores:
    """How good a number of answers are; `interval` is of 95 %, of the accuracy."""

    count: int
    right: int
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    weighted_f1: float
    balanced_accuracy: float
    top_2_accuracy: float
    calibration_error: float
    negative_log_likelihood: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How answers are calibrated, and would be at another temperature.

    `temperature` is the one that suits these answers best: 1 if the model's own is
    right. `cross_fitted` are the probabilities (N, K) at temperatures that were
    fitted on the other half of the glitches.
    """

    temperature: float
    cross_fitted: NDArray[np.float64]
    error_cross_fitted: float
    likelihood_cross_fitted: float


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class's scores, per picture and per glitch; NaN where undefined."""

    name: str
    pictures: int
    precision: float
    recall: float
    f1: float
    glitches: int
    glitches_right: int
    glitch_precision: float
    glitch_recall: float
    glitch_recall_low: float
    glitch_recall_high: float
    glitch_f1: float


def score(answers: Answers) -> Scores:
    """Score answers, at least one."""
    truth, probabilities = answers.truth, answers.probabilities
    by_class = class_scores(confusion_of(answers))
    right = int(answers.right.sum())
    return Scores(
        count=len(answers),
        right=right,
        accuracy=right / len(answers),
        interval=wilson_interval(right, len(answers)),
        macro_f1=by_class.macro_f1,
        weighted_f1=by_class.weighted_f1,
        balanced_accuracy=by_class.balanced_accuracy,
        top_2_accuracy=top_2_accuracy(probabilities, truth),
        calibration_error=calibration_error(probabilities, truth),
        negative_log_likelihood=negative_log_likelihood(probabilities, truth),
    )


def confusion_of(answers: Answers) -> NDArray[np.int64]:
    """Count answers (K, K): rows are true classes, columns the names given."""
    return confusion_matrix(answers.truth, answers.named, len(answers.classes))


def score_classes(pictures: Answers, glitches: Answers) -> list[ClassRow]:
    """Score each class by the answers to pictures and to their glitches."""
    one, confusion = class_scores(confusion_of(pictures)), confusion_of(glitches)
    fused, right = class_scores(confusion), confusion.diagonal()
    return [
        ClassRow(
            name,
            int(one.support[i]),
            *(float(one.precision[i]), float(one.recall[i]), float(one.f1[i])),
            *(int(fused.support[i]), int(right[i])),
            *(float(fused.precision[i]), float(fused.recall[i])),
            *wilson_interval(int(right[i]), int(fused.support[i])),
            float(fused.f1[i]),
        )
        for i, name in enumerate(pictures.classes)
    ]


def score_windows(answers: Answers) -> dict[float, Scores]:
    """Score the pictures of each window length, in seconds, that is known."""
    windows = np.array([e.window or math.nan for e in answers.examples])
    lengths = sorted(set(windows[~np.isnan(windows)].tolist()))
    return {w: score(answers.take(np.flatnonzero(windows == w))) for w in lengths}


def calibration(answers: Answers) -> Calibration | None:
    """Fit temperatures to answers; None where there is no second glitch."""
    halves = np.array([half_of(e.glitch) for e in answers.examples])
    if len(set(halves.tolist())) < 2:
        return None
    truth, probabilities = answers.truth, answers.probabilities
    crossed = np.empty_like(probabilities)
    for half in (0, 1):
        own, other = halves == half, halves != half
        temperature = fit_temperature(probabilities[other], truth[other])
        crossed[own] = tempered(probabilities[own], temperature)
    return Calibration(
        temperature=fit_temperature(probabilities, truth),
        cross_fitted=crossed,
        error_cross_fitted=calibration_error(crossed, truth),
        likelihood_cross_fitted=negative_log_likelihood(crossed, truth),
    )


def half_of(glitch: str) -> int:
    """Put a glitch in one of two halves, everywhere the same."""
    return crc32(PurePath(glitch).name.encode("utf-8", "surrogateescape")) % 2


def most_confused(answers: Answers, most: int = 10) -> list[tuple[str, str, int]]:
    """List true class, name given and number of the commonest errors."""
    counts = confusion_of(answers)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:most]
    pairs = [divmod(int(i), len(counts)) for i in order if counts.flat[i]]
    return [
        (answers.classes[true], answers.classes[named], int(counts[true, named]))
        for true, named in pairs
    ]
