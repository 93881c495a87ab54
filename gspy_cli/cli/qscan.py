"""`gspy qscan`: draw strain as Gravity Spy draws it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gspy_cli.cli.options import ChannelOption, IfoOption, need_strain
from gspy_cli.errors import GspyError

if TYPE_CHECKING:
    from gspy_cli.strain.events import Event


def qscan(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Strain: HDF5 or GWF.")],
    *,
    gps: Annotated[
        str, typer.Option("--gps", "-t", metavar="TIME", help="GPS seconds or UTC.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where pictures go.")
    ] = Path(),
    window: Annotated[
        str, typer.Option(metavar="S", help="0.5, 1.0, 2.0, 4.0 or all.")
    ] = "all",
    channel: ChannelOption = None,
    ifo: IfoOption = None,
    npz: Annotated[
        bool, typer.Option("--npz", help="Write the energies, not pictures.")
    ] = False,
) -> None:
    """Draw the Q-scan of an event, in Gravity Spy's four windows.

    Writes {ifo}_{gps}_spectrogram_{window}.png, 800 x 600 pixels each.

    Example: gspy qscan H-H1_GWOSC_4KHZ.hdf5 --gps 1126259462.4 -o scans/
    """
    need_strain("drawing a Q-scan")
    from gspy_cli.strain.events import scan_event
    from gspy_cli.strain.times import gps_time

    event = scan_event(path, gps_time(gps), channel=channel, ifo=ifo)
    windows = [w for w in event.scan.energies if window in ("all", str(w))]
    if not windows:
        raise GspyError(f"--window {window}: use 0.5, 1.0, 2.0, 4.0 or all")
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name in _write(event, windows, output, npz=npz):
            typer.echo(name)
    except OSError as error:
        raise GspyError(f"cannot write to {output}: {error.strerror}") from None
    scan = event.scan
    typer.echo(
        f"loudest tile: {scan.peak_frequency:.1f} Hz, SNR {scan.snr:.1f}, "
        f"Q {scan.q:.2f}; next: gspy classify {path} --gps {gps}",
        err=True,
    )


def _write(
    event: "Event", windows: list[float], output: Path, *, npz: bool
) -> list[Path]:
    import numpy as np

    from gspy_cli.strain.drawing import draw

    stem = f"{event.ifo or 'X1'}_{event.gps:.6f}_spectrogram"
    written = []
    for window in windows:
        path = output / f"{stem}_{window}.{'npz' if npz else 'png'}"
        if npz:
            np.savez(
                path,
                energies=event.scan.energies[window],
                frequencies=event.scan.frequencies,
            )
        else:
            path.write_bytes(draw(event.scan, window, ifo=event.ifo, gps=event.gps))
        written.append(path)
    return written
