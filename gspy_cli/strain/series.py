"""A stretch of one channel in one file, whatever the format."""

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

CHUNK_S = 64  # what is read at once


@dataclass(frozen=True, slots=True)
class Series:
    """Where a stretch of one channel lies.

    Attributes
    ----------
    key
        What the file calls the data.
    channel
        The channel's name; in GWOSC files the name of the data set.
    ifo
        The detector, as H1; empty if the file does not tell.
    start_gps
        GPS time of the first sample, in s.
    size
        How many samples there are.
    chunk
        How many samples are best read at once.
    """

    path: Path
    key: str
    channel: str
    ifo: str
    start_gps: Decimal
    rate_hz: float
    size: int
    chunk: int

    @property
    def end_gps(self) -> Decimal:
        """GPS time just after the last sample, in s."""
        return self.start_gps + Decimal(self.size / self.rate_hz)


def detector(path: Path, *names: str) -> str:
    """Detector from a channel's names, or else from a file's, as H-H1_GWOSC..."""
    matches = [re.match(r"([A-Z]\d):", name) for name in names]
    matches.append(re.match(r"[A-Z]-([A-Z]\d)_", path.name))
    return next((match[1] for match in matches if match), "")
