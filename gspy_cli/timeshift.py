"""Whether a label holds a few milliseconds beside the event.

LIGO's data quality reports warn that labels may flip when a time moves by 1 ms.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from gspy_cli.results import Prediction, Result
from gspy_cli.sources import Sample

SHIFTS_S = (-0.020, -0.005, -0.001, 0.001, 0.005, 0.020)


def with_shifts(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Follow each sample of strain by the same window beside the event."""
    for sample in samples:
        yield sample
        if sample.shifted is None:
            continue
        for shift_s in SHIFTS_S:
            origin = replace(sample.origin, shift_s=shift_s)
            yield replace(sample, origin=origin, load=partial(sample.shifted, shift_s))


def gathered(results: Iterable[Result]) -> Iterator[Result]:
    """Put the labels beside an event into the result of the event."""
    main: Result | None = None
    labels: dict[float, str | None] = {}
    for result in results:
        if result.origin.shift_s:
            label = result.label if isinstance(result, Prediction) else None
            labels[result.origin.shift_s] = label
            continue
        if main:
            yield _joined(main, labels)
        main, labels = result, {}
    if main:
        yield _joined(main, labels)


def _joined(main: Result, labels: dict[float, str | None]) -> Result:
    if isinstance(main, Prediction) and labels:
        return replace(main, shifted=labels)
    return main
