"""Events in strain become samples: four windows each, in every detector."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from gspy_cli.errors import GspyError, PictureError
from gspy_cli.results import WINDOWS, Origin, Trigger
from gspy_cli.samples import Plot, Sample, unusable

if TYPE_CHECKING:
    from gspy_cli.strain.collect import Collection
    from gspy_cli.strain.events import Event, Scanner
    from gspy_cli.strain.triggers import EventTime

WORKERS = 2
"""Threads that load and name samples, as many as scan; each takes events in turn."""


def from_strain(
    strain: "Collection", wanted: "Iterable[EventTime]", *, table: str
) -> Iterator[Sample]:
    """Give the windows of each event, in each detector whose files hold it.

    No strain is read before a sample is loaded. Files without strain and events
    without a file are failing samples; `table` is the path of the latter.
    """
    from gspy_cli.strain.events import Scanner

    scanner = Scanner(strain.archive)
    files = strain.archive.files()
    for path, reason in strain.unusable.items() if files else ():
        yield unusable(Origin(path), reason)
    where = table or next(chain(map(str, files), strain.unusable), "")
    for one, event in locate_events(strain, wanted):
        if isinstance(event, str):
            trigger = None if one.gps is None else Trigger(float(one.gps))
            origin = Origin(where, one.ifo, one.name, trigger=trigger)
            yield unusable(origin, event)
        else:
            yield from _windows(scanner, event, one.name)


def locate_events(
    strain: "Collection", wanted: "Iterable[EventTime]"
) -> "Iterator[tuple[EventTime, Event | str]]":
    """Find events in the files: in each detector that holds one, or say why not."""
    from gspy_cli.strain.events import Event

    for one in wanted:
        if one.gps is None or one.problem:
            yield one, one.problem
            continue
        homes = strain.archive.at(one.gps, one.ifo)
        for home in homes:
            yield one, Event(one.gps, home)
        if not homes:
            absent = strain.archive.without(one.gps, one.ifo)
            nothing = not strain.archive.files()
            yield one, next(iter(strain.unusable.values())) if nothing else absent


def _windows(scanner: "Scanner", event: "Event", name: str) -> Iterator[Sample]:
    home, trigger = event.home, Trigger(float(event.gps))
    for window in WINDOWS:
        origin = Origin(str(home.path), home.ifo or None, name, window, trigger)
        shifted = partial(_plot, scanner, event, window)
        yield Sample(origin, partial(shifted, 0.0), shifted)


def _plot(scanner: "Scanner", event: "Event", window_s: float, shift_s: float) -> Plot:
    """Make one window's plot; only the first one of an event takes long."""
    from gspy_cli.strain.events import no_room
    from gspy_cli.strain.picture import plot_pixels

    try:
        scan = scanner.scan(event, shift_s=shift_s)
    except GspyError as error:
        raise PictureError(str(error)) from None
    if window_s not in scan.energies:
        raise PictureError(no_room(window_s))
    loudest = (round(x, 3) for x in (scan.peak_frequency, scan.snr, scan.q))
    trigger = Trigger(float(event.gps), *loudest)
    return Plot(plot_pixels(scan.energies[window_s]), trigger)
