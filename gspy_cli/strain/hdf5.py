"""Strain in HDF5 files, as GWOSC and gwpy write them."""

import os
from decimal import Decimal
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.strain.series import CHUNK_S, Series, detector
from gspy_cli.strain.times import MAX_GPS
from gspy_cli.wording import reason

GWOSC_STRAIN, GWOSC_DETECTOR = "strain/Strain", "meta/Detector"
MAX_RATE_HZ = 2**17  # twice that of LIGO's fastest channels
DAMAGE = (OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)
"""What h5py raises on damaged files."""


def list_series(path: Path) -> list[Series]:
    """List the time series in a file; of GWOSC's only the strain."""
    try:
        file = h5py.File(path)
    except OSError as error:
        if error.errno:
            raise damaged(path, error) from None
        raise GspyError(
            f"{path.name} is not an HDF5 file, or is damaged; give strain as .hdf5, "
            ".h5 or .gwf"
        ) from None
    try:
        with file:
            return _list(file, path)
    except DAMAGE as error:
        raise damaged(path, error) from None


def _list(file: h5py.File, path: Path) -> list[Series]:
    if _holds(file, GWOSC_STRAIN):
        known = _holds(file, GWOSC_DETECTOR)
        ifo = _text(file[GWOSC_DETECTOR][()]) if known else ""
        data = file[GWOSC_STRAIN]
        return [_series(path, data, GWOSC_STRAIN, ifo, ("Xstart", "Xspacing"))]
    found: list[Series] = []

    def keep(key: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and _is_series(item):
            found.append(_series(path, item, key, "", ("x0", "dx")))

    file.visititems(keep)
    return found


def _holds(file: h5py.File, key: str) -> bool:
    """Tell whether a data set is there, and not by a link into another file."""
    steps = (key.partition("/")[0], key)
    inside = h5py.HardLink | h5py.SoftLink
    return all(isinstance(file.get(step, getlink=True), inside) for step in steps)


def _is_series(data: h5py.Dataset) -> bool:
    """Tell whether gwpy's attributes make a data set a series in time."""
    in_time = _text(data.attrs.get("xunit", "s")) == "s"
    return {"x0", "dx"} <= set(data.attrs) and in_time and _is_line_of_reals(data)


def _is_line_of_reals(data: h5py.Dataset) -> bool:
    return data.ndim == 1 and data.dtype.kind in "iuf"


def _text(stored: object) -> str:
    """Read a string, stored as such, as bytes, or as an array of one."""
    one = stored.item() if isinstance(stored, np.ndarray | np.generic) else stored
    return one.decode() if isinstance(one, bytes) else str(one)


def damaged(path: Path, error: Exception) -> GspyError:
    """Say that a file is damaged, and how h5py found out; or that a disk has failed."""
    if isinstance(error, OSError) and error.errno:
        return GspyError(f"{path.name} cannot be read: {os.strerror(error.errno)}")
    return GspyError(f"{path.name} is damaged: {reason(error)}")


def _series(
    path: Path, data: h5py.Dataset, key: str, ifo: str, axis: tuple[str, str]
) -> Series:
    start, spacing_s = (float(data.attrs[name]) for name in axis)
    # spacings are stored rounded
    rate_hz = round(1 / spacing_s, 6) if spacing_s > 0 else 0.0
    times = 0 < rate_hz <= MAX_RATE_HZ and abs(start) < MAX_GPS
    if not (times and _is_line_of_reals(data)):
        raise GspyError(f"{path.name} is damaged: {key} is no time series")
    named, called = (_text(data.attrs.get(name, "")) for name in ("channel", "name"))
    channel = named if ":" in named else key
    return Series(
        path=path,
        key=key,
        channel=channel,
        ifo=ifo or detector(path, channel, called),
        start_gps=Decimal(str(start)),
        rate_hz=rate_hz,
        size=data.size,
        chunk=max(round(CHUNK_S * rate_hz), 1),
    )


def read_samples(series: Series, first: int, last: int) -> NDArray[np.floating]:
    """Read a stretch; only that is unpacked."""
    try:
        with h5py.File(series.path) as file:
            samples: NDArray[np.floating] = file[series.key][first:last]
            if samples.size != last - first:
                raise ValueError(f"it holds less of {series.key} than it did")
    except DAMAGE as error:
        raise damaged(series.path, error) from error
    return samples
