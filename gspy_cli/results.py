"""What a run gives for each input: a `Prediction` or a `Failure`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prediction:
    """One picture, named.

    `scores` holds each class's probability, in the model's class order; they sum
    to 1. `window` is the picture's length in seconds, where the name tells it.
    """

    source: str
    label: str
    confidence: float
    scores: Mapping[str, float]
    ifo: str | None = None
    gravityspy_id: str | None = None
    window: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """One input that could not be classified, and why."""

    source: str
    reason: str


Result = Prediction | Failure
