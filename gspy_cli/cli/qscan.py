"""`gspy qscan`: draw strain as Gravity Spy draws it."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gspy_cli.cli import strain
from gspy_cli.cli.options import ChannelOption, IfoOption, need_strain
from gspy_cli.cli.strain import OpenDataOption
from gspy_cli.errors import GspyError

if TYPE_CHECKING:
    from gspy_cli.strain.collect import Collection
    from gspy_cli.strain.events import Event
    from gspy_cli.strain.qtransform import QScan
    from gspy_cli.strain.triggers import Wanted


class Form(StrEnum):
    """What is written for each window."""

    PNG = "png"
    NPZ = "npz"


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
    window: Annotated[
        str, typer.Option(metavar="S", help="0.5, 1.0, 2.0, 4.0 or all.")
    ] = "all",
    form: Annotated[
        Form, typer.Option("--format", "-f", help="Pictures, or the energies.")
    ] = Form.PNG,
    annotate: Annotated[
        bool,
        typer.Option("--annotate", help="Mark the loudest tile; say its SNR and Q."),
    ] = False,
    channel: ChannelOption = None,
    ifo: IfoOption = None,
) -> None:
    """Draw the Q-scan of an event, in Gravity Spy's four windows.

    Writes {ifo}_{gps}_spectrogram_{window}.png, 800 x 600 pixels each. Exit code 1:
    some pictures could not be drawn.

    Example: gspy qscan H-H1_GWOSC_4KHZ.hdf5 --gps 1126259462.4 -o scans/
    """
    need_strain("drawing a Q-scan")
    from gspy_cli.strain.qtransform import WINDOWS_S

    if window not in ("all", *map(str, WINDOWS_S)):
        raise GspyError(f"--window {window}: use 0.5, 1.0, 2.0, 4.0 or all")
    found, wanted = strain.find_strain(
        paths or [],
        strain.wanted_times(gps),
        channel=channel,
        ifo=ifo,
        open_data=open_data,
    )
    try:
        output.mkdir(parents=True, exist_ok=True)
        complaints = list(_draw(found, wanted, window, output, form, annotate=annotate))
    except OSError as error:
        raise GspyError(f"cannot write to {output}: {error.strerror}") from None
    for complaint in complaints:
        typer.echo(f"gspy: {complaint}", err=True)
    if complaints:
        raise typer.Exit(1)


def _draw(
    found: "Collection",
    wanted: "Iterable[Wanted]",
    window: str,
    output: Path,
    form: Form,
    *,
    annotate: bool,
) -> Iterator[str]:
    """Write what can be scanned, print its names, and give what cannot be."""
    from gspy_cli.strain.events import Scanner, no_room
    from gspy_cli.strain.qtransform import WINDOWS_S
    from gspy_cli.strain_samples import located

    if found.archive.files():  # else the events' own complaints say it
        yield from found.unusable.values()
    scanner = Scanner(found.archive)
    for one, event in located(found, wanted):
        try:
            if isinstance(event, str):
                raise GspyError(event)
            scan = scanner.scan(event)
        except GspyError as error:
            yield str(error)
            continue
        name = f"{event.home.ifo or 'X1'}_{one.name}"
        for length in [w for w in WINDOWS_S if window in ("all", str(w))]:
            if length not in scan.energies:
                yield no_room(length)
                continue
            path = output / f"{name}_spectrogram_{length}.{form}"
            path.write_bytes(_content(scan, length, event, form, annotate=annotate))
            typer.echo(path)
        typer.echo(
            f"{name}: loudest tile {scan.peak_frequency:.1f} Hz, "
            f"SNR {scan.snr:.1f}, Q {scan.q:.2f}",
            err=True,
        )


def _content(
    scan: "QScan", window_s: float, event: "Event", form: Form, *, annotate: bool
) -> bytes:
    if form is Form.PNG:
        from gspy_cli.strain.drawing import draw

        ifo = event.home.ifo
        return draw(scan, window_s, ifo=ifo, gps=event.gps, annotate=annotate)
    import numpy as np

    file = BytesIO()
    energies, frequencies = scan.energies[window_s], scan.frequencies
    np.savez(file, energies=energies, frequencies=frequencies)
    return file.getvalue()
