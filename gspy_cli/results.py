"""What a run gives for each input: a `Prediction` or a `Failure`."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trigger:
    """A time in the strain, GPS seconds, and its loudest tile: Hz, SNR, Q.

    The tile is unknown before the strain is read, and where it cannot be.
    """

    event_time: float
    peak_frequency: float | None = None
    snr: float | None = None
    q_value: float | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a picture comes from: its path, and what the file's name tells.

    `window` is the picture's length in seconds. A picture made from strain has a
    `trigger`; `shift_s` is how far beside it the picture was made.
    """

    path: str
    ifo: str | None = None
    gravityspy_id: str | None = None
    window: float | None = None
    trigger: Trigger | None = None
    shift_s: float = 0.0


Key = tuple[str, str, str]  # path, gravityspy_id and window, as they are written


@dataclass(frozen=True, slots=True)
class Record:
    """A whole row found in an output: the byte after it, and whose row it is.

    A table's header is a record with an empty key.
    """

    end: int
    key: Key
    failed: bool = False


def key_of(origin: Origin) -> Key:
    """Give the key that a result of this origin has in an output."""
    window = "" if origin.window is None else str(origin.window)
    return written(origin.path), origin.gravityspy_id or "", window


def written(text: str) -> str:
    """Give a text as it stands in an output: UTF-8, odd bytes escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class Prediction:
    """One picture, named.

    `scores` holds each class's probability in the model's class order; they sum
    to 1. `shifted` holds the labels beside the event, by seconds; `None` where there
    is none.
    """

    origin: Origin
    label: str
    confidence: float
    scores: Mapping[str, float]
    shifted: Mapping[float, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """One input that could not be classified, and why."""

    origin: Origin
    reason: str


Result = Prediction | Failure
