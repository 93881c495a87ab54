"""From a file of strain and a time to the plots of an event."""

from dataclasses import dataclass
from pathlib import Path

from gspy_cli.strain.eras import Era
from gspy_cli.strain.qtransform import QScan, q_scan
from gspy_cli.strain.reading import read_strain


@dataclass(frozen=True, slots=True)
class Event:
    """A Q-scan and where it comes from; `gps` in seconds."""

    gps: float
    ifo: str
    channel: str
    scan: QScan


def scan_event(
    path: Path,
    gps: float,
    *,
    channel: str | None = None,
    ifo: str | None = None,
    era: Era = Era.GWPY,
) -> Event:
    """Read the strain about a GPS time and scan it.

    Raises
    ------
    GspyError
        The file or the time cannot be used; the message says why.
    """
    strain = read_strain(path, channel=channel, gps=gps)
    scan = q_scan(
        strain.samples,
        sample_rate_hz=strain.sample_rate_hz,
        event_s=gps - strain.start_gps,
        era=era,
    )
    return Event(gps, ifo or strain.ifo, strain.channel, scan)
