"""What a run gives for each input: a `Prediction` or a `Failure`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


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


WINDOWS = (0.5, 1.0, 2.0, 4.0)  # s; the views of a glitch, in Gravity Spy's order
FILENAMES = tuple(f"Filename{place}" for place in range(1, len(WINDOWS) + 1))

STRAIN_SUFFIXES = (".hdf5", ".h5", ".hdf", ".gwf")
"""How the names of files of strain end."""

COLUMN = re.compile(
    r"path|file|gravityspy_id|ifo|glitch|window|n_views|label|right|status|error"
    r"|(ml_label|ml_confidence)(_\d+)?|confident_label|glitch_ml_label|model_name"
    r"|Filename\d|event_time|peak_frequency|snr|q_value|time_shift_(labels|stable)"
)
"""The columns of tables of answers that are none of the classes'."""

VIEW = re.compile(
    r"(?P<glitch>(?:(?P<ifo>[A-Z]\d)_)?(?P<id>.+))"
    r"_spectrogram_(?P<window>\d+(?:\.\d+)?)?(?P<more>.*)"
)
"""`{ifo}_{id}_spectrogram_{window}`: the views of a glitch share the first part."""

Key = tuple[str, ...]
"""Whose row it is, as it is written.

A picture's path, gravityspy_id and window; a glitch's gravityspy_id and its paths.
From strain, the event's time too.
"""


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
    return written(origin.path), origin.gravityspy_id or "", window, *when(origin)


def when(origin: Origin) -> tuple[str, ...]:
    """Give the time of an event as it stands in an output, if there is one."""
    return (str(origin.trigger.event_time),) if origin.trigger else ()


def event_name(origin: Origin, file: str) -> str:
    """Name an event by its detector, time and window; what is none by its file."""
    if origin.trigger is None:
        return file
    window = f", {origin.window} s" if origin.window else ""
    return f"{origin.ifo or file} at {origin.trigger.event_time:.3f}{window}"


def written(text: str) -> str:
    """Give a text as it stands in an output: UTF-8, odd bytes escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class Prediction:
    """One picture, named.

    `scores` holds each class's probability in the model's class order; they sum
    to 1. `shifted` holds the labels beside the event, by seconds; `None` where there
    is no picture. What is not `familiar` is no spectrogram of a kind that the model
    knows.
    """

    origin: Origin
    label: str
    confidence: float
    scores: Mapping[str, float]
    shifted: Mapping[float, str | None] = field(default_factory=dict)
    familiar: bool = True


@dataclass(frozen=True, slots=True)
class Failure:
    """One input that could not be classified, and why."""

    origin: Origin
    reason: str


Result = Prediction | Failure


@dataclass(frozen=True, slots=True)
class Glitch:
    """The views of one glitch, and the answer that they give together.

    The answer's origin is the first view's, without its window.
    """

    views: tuple[Result, ...]
    answer: Result

    def failures(self) -> list[Failure]:
        """List the views that could not be classified."""
        return [view for view in self.views if isinstance(view, Failure)]

    def is_partial(self) -> bool:
        """Tell whether some views failed and others did not."""
        return 0 < len(self.failures()) < len(self.views)

    def reasons(self) -> str:
        """Say in one line which views failed, and why."""
        windows: dict[str, list[str]] = {}
        for view in self.failures():
            window = view.origin.window
            windows.setdefault(view.reason, []).extend([str(window)] if window else [])
        return "; ".join(
            f"{', '.join(some)} s: {reason}" if some else reason
            for reason, some in windows.items()
        )


Row = Result | Glitch


def answer_of(row: Row) -> Result:
    """Give what a row says: a glitch's answer, or a picture's result."""
    return row.answer if isinstance(row, Glitch) else row


def by_window(origins: Sequence[Origin]) -> list[Origin | None]:
    """Place the views of a glitch at their windows; one without a place comes first."""
    places: dict[float, Origin] = {}
    for origin in origins:
        window = origin.window if origin.window in WINDOWS else WINDOWS[0]
        places[window] = origin
    return [places.get(window) for window in WINDOWS]
