"""Where strain and events come from: what `classify` and `qscan` share."""

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gspy_cli.cli.options import need_strain
from gspy_cli.errors import GspyError

if TYPE_CHECKING:
    from gspy_cli.model import Model
    from gspy_cli.results import Result
    from gspy_cli.samples import Sample
    from gspy_cli.strain.collect import Collection
    from gspy_cli.strain.triggers import EventTime

OpenDataOption = Annotated[
    bool,
    typer.Option("--open-data", help="Fetch the strain from gwosc.org; needs --ifo."),
]
TriggersOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Take strain and classify the times in a CSV table."
    ),
]


@dataclass(frozen=True, slots=True)
class Events:
    """Which times to take, of what strain."""

    times: tuple[str, ...] = ()
    table: Path | None = None
    channel: str | None = None
    ifo: str | None = None
    open_data: bool = False
    shifts: bool = False
    quiet: bool = False

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self.times or self.table)

    def check(self) -> None:
        """Refuse what does not go together, before anything is read."""
        of_strain = self.open_data or self.shifts or self.channel or self.ifo
        if not self and of_strain:
            raise GspyError(
                "--open-data, --time-shift-check, --channel and --ifo need --gps or "
                "--triggers"
            )
        if self.times and self.table:
            raise GspyError("give --gps or --triggers, not both")
        if self.open_data and self.times and not self.ifo:
            raise GspyError("--open-data needs a detector: give --ifo")


def refuse_without_times(paths: Iterable[str]) -> None:
    """Say what is missing where strain is given as if it were pictures."""
    from gspy_cli.results import STRAIN_SUFFIXES

    for path in paths:
        if path.lower().endswith(STRAIN_SUFFIXES) and not os.path.isdir(path):  # noqa: PTH112
            raise GspyError(f"{path} is strain; give --gps TIME or --triggers FILE")


def samples(paths: list[str], events: Events) -> "Iterator[Sample]":
    """Give the samples of all events in some strain, as `classify` is asked for it."""
    need_strain("classifying strain")
    from gspy_cli import strain_samples

    strain, wanted = find_strain(paths, events)
    return strain_samples.from_strain(strain, wanted, table=str(events.table or ""))


def classify(
    samples: "Iterable[Sample]", model: "Model", *, batch_size: int, shifts: bool
) -> "Iterator[Result]":
    """Name samples of strain; with `shifts`, also beside their times."""
    from gspy_cli import predict, strain_samples, timeshift

    if shifts:
        samples = timeshift.with_shifts(samples)
    results = predict.classify(
        samples, model, batch_size=batch_size, workers=strain_samples.WORKERS
    )
    return timeshift.gathered(results) if shifts else results


def _wanted(events: Events) -> "Iterable[EventTime]":
    """Read the times of --gps, or a table of triggers."""
    from gspy_cli.strain.times import gps_time
    from gspy_cli.strain.triggers import EventTime, only_of, read_triggers

    times = [EventTime(gps_time(text)) for text in events.times]
    wanted = _begun(read_triggers(events.table)) if events.table else times
    return only_of(wanted, events.ifo)


def _begun(
    wanted: "Iterator[EventTime]", *, whole: bool = False
) -> "Iterator[EventTime]":
    """Take the first now, a `whole` one: a table or server without is told at once."""
    first = []
    for one in wanted:
        first.append(one)
        if not (whole and one.problem):
            break
    return chain(first, wanted)


def find_strain(
    paths: list[str], events: Events
) -> "tuple[Collection, Iterable[EventTime]]":
    """Look into the files that are given, or take the events' strain from GWOSC."""
    from gspy_cli.strain.collect import collect

    wanted = _wanted(events)
    if not events.open_data:
        if not paths:
            raise GspyError("no strain: give .hdf5, .h5 or .gwf files, or --open-data")
        return collect(paths, channel=events.channel, ifo=events.ifo), wanted
    if paths or events.channel:
        raise GspyError("--open-data takes strain from gwosc.org: no files, no channel")
    need_strain("fetching open data", "gwosc")
    from gspy_cli.strain.archive import Archive
    from gspy_cli.strain.collect import Collection
    from gspy_cli.strain.opendata import OpenData

    def say(url: str) -> None:
        if not events.quiet:
            sys.stderr.write(f"fetching {url}\n")  # typer.echo would break a bar

    archive = Archive([])
    server = OpenData(archive, on_download=say)
    fetched = _begun(server.fetch(wanted, events.ifo), whole=True)
    return Collection(archive, {}), fetched
