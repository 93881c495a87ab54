"""Read strain from files: GWOSC's HDF5, gwpy's HDF5, and GWF frames."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError

BLOCK_S = 64  # what Gravity Spy reads about an event
GWOSC_STRAIN = "strain/Strain"
# what h5py raises on damaged files
_DAMAGE = (OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)
MAX_NAMED = 8  # channels listed in an error message


@dataclass(frozen=True, slots=True)
class Strain:
    """A stretch of one channel.

    Attributes
    ----------
    samples
        Shape (n,).
    start_gps
        GPS time of the first sample, in s.
    channel
        The channel's name; in GWOSC files the name of the data set.
    ifo
        The detector, as H1; empty if the file does not tell.
    """

    samples: NDArray[np.float64]
    sample_rate_hz: float
    start_gps: float
    channel: str
    ifo: str


@dataclass(frozen=True, slots=True)
class _Extent:
    """What a file holds of a channel: GPS start in s, sample spacing, samples."""

    start_gps: float
    spacing_s: float
    samples: int

    def about(self, gps: float | None, path: Path) -> slice:
        """Choose the samples of the block about a time, or all of them.

        The block begins on a whole second, as Gravity Spy's does.
        """
        if gps is None:
            return slice(0, self.samples)
        end_gps = self.start_gps + self.samples * self.spacing_s
        if not self.start_gps <= gps < end_gps:
            raise GspyError(
                f"GPS {gps:.10g} is not in {path.name}, which spans "
                f"{self.start_gps:.10g} to {end_gps:.10g}; choose another time or file"
            )
        first = round((round(gps - BLOCK_S / 2) - self.start_gps) / self.spacing_s)
        last = first + round(BLOCK_S / self.spacing_s)
        return slice(max(first, 0), min(last, self.samples))


def read_strain(
    path: Path, *, channel: str | None = None, gps: float | None = None
) -> Strain:
    """Read a channel: the 64 s about a GPS time, or all that the file holds.

    The channel may be left out where the file has only one.

    Raises
    ------
    GspyError
        If the file cannot be read, or has no such channel or time.
    """
    if not path.is_file():
        raise GspyError(f"no such file: {path}")
    if path.suffix.lower() == ".gwf":
        return _read_gwf(path, channel, gps)
    try:
        file = h5py.File(path)
    except OSError:
        raise GspyError(
            f"{path.name} is not an HDF5 file; give strain as .hdf5, .h5 or .gwf"
        ) from None
    try:
        with file:
            return _read_hdf5(file, path, channel, gps)
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0]
        raise GspyError(f"{path.name} is damaged: {reason}") from None


def _read_hdf5(
    file: h5py.File, path: Path, channel: str | None, gps: float | None
) -> Strain:
    series = _series(file)
    name = _choose(channel, series, path)
    data = series[name]
    gwosc = "Xstart" in data.attrs
    start, spacing = ("Xstart", "Xspacing") if gwosc else ("x0", "dx")
    extent = _Extent(float(data.attrs[start]), float(data.attrs[spacing]), data.size)
    wanted = extent.about(gps, path)
    ifo = file["meta/Detector"][()].decode() if "meta/Detector" in file else ""
    return _strain(data[wanted], extent, wanted, name, ifo or _ifo(name, path))


def _series(file: h5py.File) -> dict[str, h5py.Dataset]:
    """All time series in a file, by name; of GWOSC's only the strain."""
    if GWOSC_STRAIN in file:
        return {GWOSC_STRAIN: file[GWOSC_STRAIN]}
    found: dict[str, h5py.Dataset] = {}

    def keep(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and {"x0", "dx"} <= set(item.attrs):
            found[name] = item

    file.visititems(keep)
    return found


def _read_gwf(path: Path, channel: str | None, gps: float | None) -> Strain:
    try:
        import gwframe
    except ImportError:
        raise GspyError(
            "reading GWF frames needs gwframe (Linux and macOS): pip install gwframe"
        ) from None
    try:
        name = _choose(channel, gwframe.inspect.get_channels(path), path)
        frames = gwframe.inspect.get_info(path).frames
        spacing_s = float(gwframe.read(path, name).dt)  # of the first frame
        start_gps, end_gps = frames[0].start, frames[-1].start + frames[-1].duration
        extent = _Extent(start_gps, spacing_s, round((end_gps - start_gps) / spacing_s))
        wanted = extent.about(gps, path)
        start, end = (start_gps + i * spacing_s for i in (wanted.start, wanted.stop))
        data = gwframe.read(path, name, start=start, end=end)
    except (RuntimeError, ValueError) as error:  # what gwframe raises
        reason = str(error).partition("\n")[0]
        raise GspyError(f"{path.name} cannot be read as GWF: {reason}") from None
    return _strain(data.array, extent, wanted, name, _ifo(name, path))


def _choose(channel: str | None, known: Iterable[str], path: Path) -> str:
    """Give the channel asked for, or the only one there is."""
    names = sorted(known)
    if channel in names:
        return str(channel)
    if channel is None and len(names) == 1:
        return names[0]
    if not names:
        raise GspyError(
            f"{path.name} holds no time series; give a GWOSC, gwpy or GWF file"
        )
    some = ", ".join(names[:MAX_NAMED]) + (", ..." if len(names) > MAX_NAMED else "")
    if channel is None:
        raise GspyError(f"{path.name} has several channels; choose --channel: {some}")
    raise GspyError(f"{path.name} has no channel {channel}; it has {some}")


def _ifo(channel: str, path: Path) -> str:
    """Detector from a channel's name, or else from a file's, as H-H1_GWOSC..."""
    match = re.match(r"([A-Z]\d):", channel) or re.match(r"[A-Z]-([A-Z]\d)_", path.name)
    return match[1] if match else ""


def _strain(
    samples: NDArray[np.floating], extent: _Extent, part: slice, channel: str, ifo: str
) -> Strain:
    return Strain(
        samples=np.asarray(samples, dtype=np.float64),
        # Spacings are stored rounded; rates are whole numbers.
        sample_rate_hz=round(1 / extent.spacing_s, 6),
        start_gps=extent.start_gps + part.start * extent.spacing_s,
        channel=channel,
        ifo=ifo,
    )
