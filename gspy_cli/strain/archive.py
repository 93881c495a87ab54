"""Files of strain as one store, that gives the stretch about any event."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.strain.files import read_samples
from gspy_cli.strain.gaps import gaps
from gspy_cli.strain.grid import HIGH_HZ
from gspy_cli.strain.memo import Memo
from gspy_cli.strain.series import CHUNK_S, Series

BLOCK_S = 64  # what Gravity Spy reads about an event
KEPT_SAMPLES = 1 << 22  # of a detector, 32 MB; one chunk at least, in GWF a frame


@dataclass(frozen=True, slots=True)
class Strain:
    """A stretch of one channel.

    Attributes
    ----------
    samples
        Shape (n,); NaN where there are no data.
    gap
        Which of the samples are no data: NaN, or one value repeated.
    start_gps
        GPS time of the first sample, in s.
    lost
        Why a neighbouring file's data are missing, where they are.
    """

    samples: NDArray[np.float64]
    gap: NDArray[np.bool_]
    sample_rate_hz: float
    start_gps: Decimal
    lost: str = ""


class Archive:
    """Strain from many files: what is read stays in memory for the next event."""

    def __init__(self, series: Iterable[Series]) -> None:
        self._series: list[Series] = []
        self.add(series)
        sizes = (min(s.chunk, s.size) for s in self._series)
        largest = max(sizes, default=0) or CHUNK_S * 4096
        detectors = len({s.ifo for s in self._series}) or 1
        keep = detectors * max(KEPT_SAMPLES // largest, 1)
        self._chunks = Memo(_read_chunk, keep=keep)

    def add(self, series: Iterable[Series]) -> None:
        """Take more files in."""
        self._series += series
        spans = [(float(s.start_gps), float(s.end_gps)) for s in self._series]
        self._spans = np.array(spans).reshape(-1, 2)

    def files(self) -> list[Path]:
        """List the files, each once."""
        return list(dict.fromkeys(series.path for series in self._series))

    def at(self, gps: Decimal, ifo: str | None = None) -> list[Series]:
        """List what holds a time: a file of each detector, or of one.

        Of a detector's channels and rates, those fast enough for a picture go before
        others; of these that with most strain about the time is taken, or else the
        first. Each file that does not name its detector counts as one of its own.
        """
        held: dict[str | Path, list[Series]] = {}
        for series in self._near(gps, gps):
            if series.start_gps <= gps < series.end_gps and ifo in (None, series.ifo):
                held.setdefault(series.ifo or series.path, []).append(series)
        return [max(some, key=lambda s: self._worth(s, gps)) for some in held.values()]

    def without(self, gps: Decimal, ifo: str | None = None) -> str:
        """Say that no file holds a time."""
        held = [s for s in self._series if not ifo or s.ifo == ifo]
        if not held:
            nameless = next((s.path.name for s in self._series if not s.ifo), "")
            remedy = f"; {nameless} names no detector: if it is {ifo}'s, --ifo {ifo}"
            return f"no file is of {ifo}{remedy if nameless else '; give one'}"
        files = {series.path for series in held}
        where = held[0].path.name if len(files) == 1 else f"any of {len(files)} files"
        ends = [round(s.end_gps, 9).normalize() for s in held]
        starts = [round(s.start_gps, 9).normalize() for s in held]
        before = [end for end in ends if end <= gps]
        after = [start for start in starts if start > gps]
        if before and after:
            span = f": it falls between {max(before):f} and {min(after):f}"
        else:
            span = f", spanning {min(starts):f} to {max(ends):f}"
        return f"GPS {gps:f} is not in {where}{span}; choose another time or file"

    def block(self, home: Series, start_gps: int) -> Strain:
        """Read a block, from the file that holds its event and from its neighbours.

        A neighbour that is damaged there gives nothing.
        """
        rate_hz = home.rate_hz
        offset = round((start_gps - home.start_gps) * Decimal(rate_hz))
        start = home.start_gps + offset / Decimal(rate_hz)
        samples, lost = np.full(round(BLOCK_S * rate_hz), np.nan), ""
        for series in [home, *self._alike(home, start, start + BLOCK_S)]:
            place = round((series.start_gps - start) * Decimal(rate_hz))
            first, last = max(place, 0), min(place + series.size, samples.size)
            missing = gaps(samples[first:last], rate_hz)
            if not missing.any():
                continue
            try:
                part = self._read(series, first - place, last - place)
            except GspyError as error:
                if series == home or _failed(error):
                    raise
                lost = str(error)
                continue
            samples[first:last][missing] = part[missing]
        return Strain(samples, gaps(samples, rate_hz), rate_hz, start, lost)

    def _worth(self, home: Series, gps: Decimal) -> tuple[bool, Decimal]:
        """Tell if the rate is high enough, and how long strain is about it, in s."""
        first = last = gps
        near = [home, *self._alike(home, gps - BLOCK_S // 2, gps + BLOCK_S // 2)]
        for series in sorted(near, key=lambda s: s.start_gps):
            if series.start_gps <= last:
                last = max(last, series.end_gps)
        for series in sorted(near, key=lambda s: s.end_gps, reverse=True):
            if series.end_gps >= first:
                first = min(first, series.start_gps)
        room = min(gps - first, last - gps, Decimal(BLOCK_S // 2))
        return home.rate_hz >= 2 * HIGH_HZ, room

    def _near(self, start: Decimal, end: Decimal) -> list[Series]:
        starts, ends = self._spans.T  # read once: files may come in meanwhile
        near = (starts <= float(end)) & (ends >= float(start))
        return [self._series[i] for i in np.flatnonzero(near)]

    def _alike(self, home: Series, start: Decimal, end: Decimal) -> list[Series]:
        """List the neighbours that go on with the same channel."""
        near = self._near(start, end)
        return [s for s in near if _kind(s) == _kind(home) and s != home]

    def _read(self, series: Series, first: int, last: int) -> NDArray[np.floating]:
        """Read samples by way of the chunks they lie in."""
        pieces = []
        for number in range(first // series.chunk, -(-last // series.chunk)):
            begin = number * series.chunk
            chunk = self._chunks((series, number))
            pieces.append(chunk[max(first - begin, 0) : last - begin])
        return np.concatenate(pieces)


def _kind(series: Series) -> tuple[str | Path, str, float]:
    """Tell what series must have in common to be one."""
    return series.ifo or series.path, series.channel, series.rate_hz


def _failed(error: GspyError) -> bool:
    """Tell a disk that failed, and may not the next time, from a damaged file."""
    return getattr(error.__cause__, "errno", None) is not None


def _read_chunk(key: tuple[Series, int]) -> NDArray[np.floating]:
    series, number = key
    first = number * series.chunk
    return read_samples(series, first, min(first + series.chunk, series.size))
