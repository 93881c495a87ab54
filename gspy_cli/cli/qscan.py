"""`gspy qscan`: draw strain as Gravity Spy draws it."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gspy_cli.cli import strain
from gspy_cli.cli.hints import hint
from gspy_cli.cli.interruption import KEPT, leaving
from gspy_cli.cli.options import (
    WINDOW_CHOICES,
    ChannelOption,
    IfoOption,
    QuietOption,
    WindowOption,
    need_strain,
    refuse_file,
    window_s,
)
from gspy_cli.cli.strain import OpenDataOption
from gspy_cli.errors import GspyError
from gspy_cli.whole import whole_file, writing
from gspy_cli.wording import command

if TYPE_CHECKING:
    from gspy_cli.strain.collect import Collection
    from gspy_cli.strain.events import Event, Scanner
    from gspy_cli.strain.qtransform import QScan
    from gspy_cli.strain.triggers import EventTime


class ScanFormat(StrEnum):
    """What is written for each window."""

    PNG = "png"
    NPZ = "npz"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is drawn of each event: windows in seconds, and where they go."""

    windows: tuple[float, ...]
    folder: Path
    form: ScanFormat
    annotate: bool
    quiet: bool


def qscan(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILES...", help="Strain: HDF5, GWF, folders of them."),
    ] = None,
    *,
    gps: Annotated[
        list[str],
        typer.Option(
            "--gps", "-t", metavar="TIME", help="GPS seconds or UTC; may repeat."
        ),
    ],
    open_data: OpenDataOption = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where pictures go.")
    ] = Path(),
    window: WindowOption = "all",
    form: Annotated[
        ScanFormat, typer.Option("--format", "-f", help="Pictures, or the energies.")
    ] = ScanFormat.PNG,
    annotate: Annotated[
        bool,
        typer.Option("--annotate", help="Mark the loudest tile; say its SNR and Q."),
    ] = False,
    channel: ChannelOption = None,
    ifo: IfoOption = None,
    quiet: QuietOption = False,
) -> None:
    """Draw the Q-scan of an event, in Gravity Spy's four windows.

    Writes {ifo}_{gps}_spectrogram_{window}.png, 800 x 600 pixels each. Exit code 1:
    some pictures could not be drawn.

    Example: gspy qscan H-H1_GWOSC_4KHZ.hdf5 --gps 1126259462.4 -o scans/
    """
    need_strain("drawing a Q-scan")
    from gspy_cli.results import WINDOWS

    asked = strain.Events(tuple(gps), None, channel, ifo, open_data, quiet=quiet)
    asked.check()
    only = window_s(window)
    windows = tuple(w for w in WINDOWS if only in (None, w))
    if not windows:
        raise GspyError(f"--window {window}: use {WINDOW_CHOICES}")
    if annotate and form is not ScanFormat.PNG:
        raise GspyError(f"--annotate marks pictures; leave it out with -f {form}")
    refuse_file(output)
    found, wanted = strain.find_strain(paths or [], asked)
    sheet = Sheet(windows, output, form, annotate, quiet)
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    complaints = _draw_all(found, wanted, sheet)
    for complaint in complaints:
        typer.echo(f"gspy: {complaint}", err=True)
    if complaints:
        raise typer.Exit(1)
    if form is ScanFormat.PNG:
        hint(command("gspy", "classify", output), quiet=quiet)


def _draw_all(
    found: "Collection", wanted: "Iterable[EventTime]", sheet: Sheet
) -> list[str]:
    """Write what can be scanned, print its names, and give what cannot be."""
    from gspy_cli.cli.progress import bar
    from gspy_cli.strain.events import Scanner
    from gspy_cli.strain_samples import locate_events

    # without files the events' own complaints say it
    complaints = list(found.unusable.values()) if found.archive.files() else []
    scanner = Scanner(found.archive)
    events = list(locate_events(found, wanted))
    _refuse_one_name_for_two(events)
    total = len(events) * len(sheet.windows)
    with leaving(KEPT), bar("drawing", quiet=sheet.quiet) as progress:
        progress(0, total)
        for number, (one, event) in enumerate(events):
            for place, lack in enumerate(_draw(scanner, one, event, sheet), 1):
                complaints += [lack] if lack else []
                progress(number * len(sheet.windows) + place, total)
    return complaints


def _refuse_one_name_for_two(events: "list[tuple[EventTime, Event | str]]") -> None:
    nameless: dict[str, Path] = {}
    for one, event in events:
        if isinstance(event, str) or event.home.ifo:
            continue
        path = event.home.path
        other = nameless.setdefault(one.name, path)
        if other != path:
            raise GspyError(
                f"neither {other.name} nor {path.name} names its detector; draw them "
                "one by one, with --ifo"
            )


def _draw(
    scanner: "Scanner", one: "EventTime", event: "Event | str", sheet: Sheet
) -> Iterator[str]:
    """Draw an event, window by window; give what each lacks, mostly nothing."""
    from gspy_cli.strain.events import no_room

    if isinstance(event, str):
        yield event
        return
    name = f"{event.home.ifo or 'X1'}_{one.name}"
    try:
        scan = scanner.scan(event)
    except GspyError as error:
        yield f"{name}: {error}"
        return
    for window in sheet.windows:
        if window not in scan.energies:
            yield f"{name}: {no_room(window)}"
            continue
        path = sheet.folder / f"{name}_spectrogram_{window}.{sheet.form}"
        content = _content(scan, window, event, sheet)
        with writing(sheet.folder), whole_file(path) as part:
            part.write_bytes(content)
        sys.stdout.write(f"{path}\n")  # typer.echo would write into the bar
        yield ""
    if not sheet.quiet:
        sys.stderr.write(
            f"{name}: loudest tile {scan.peak_frequency:.1f} Hz, "
            f"SNR {scan.snr:.1f}, Q {scan.q:.2f}\n"
        )


def _content(scan: "QScan", window_s: float, event: "Event", sheet: Sheet) -> bytes:
    if sheet.form is ScanFormat.PNG:
        from gspy_cli.strain.drawing import draw

        ifo, annotate = event.home.ifo, sheet.annotate
        return draw(scan, window_s, ifo=ifo, gps=event.gps, annotate=annotate)
    import numpy as np

    file = BytesIO()
    energies, frequencies = scan.energies[window_s], scan.frequencies
    np.savez(file, energies=energies, frequencies=frequencies)
    return file.getvalue()
