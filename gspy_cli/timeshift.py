"""Whether a label holds a few milliseconds beside the event.

LIGO's data quality reports warn that labels may flip when a time moves by 1 ms.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby

from gspy_cli.results import Origin, Prediction, Result, when
from gspy_cli.samples import Sample

SHIFTS_S = (-0.020, -0.005, -0.001, 0.001, 0.005, 0.020)


def with_shifts(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Follow the windows of each event by the same ones at each shift."""
    for _, event in groupby(samples, key=lambda sample: event_of(sample.origin)):
        windows = list(event)
        yield from windows
        for shift_s in SHIFTS_S:
            for sample in windows:
                if sample.shifted:
                    origin = replace(sample.origin, shift_s=shift_s)
                    load = partial(sample.shifted, shift_s)
                    yield replace(sample, origin=origin, load=load)


def gathered(results: Iterable[Result]) -> Iterator[Result]:
    """Put the labels beside an event into the results of the event."""
    for _, event in groupby(results, key=lambda result: event_of(result.origin)):
        windows = list(event)
        for result in windows:
            if not result.origin.shift_s:
                yield _joined(result, windows)


def event_of(origin: Origin) -> tuple[str | None, ...]:
    """Tell apart the events of a stream; windows and shifts of one are alike."""
    return origin.path, origin.ifo, origin.gravityspy_id, *when(origin)


def _joined(result: Result, event: list[Result]) -> Result:
    labels = {
        other.origin.shift_s: other.label if isinstance(other, Prediction) else None
        for other in event
        if other.origin.shift_s and other.origin.window == result.origin.window
    }
    if isinstance(result, Prediction):
        return replace(result, shifted=labels)
    return result
