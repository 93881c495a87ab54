"""Strain in HDF5 files, as GWOSC and gwpy write them."""

from decimal import Decimal
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.strain.series import CHUNK_S, Series, detector

GWOSC_STRAIN = "strain/Strain"
# what h5py raises on damaged files
_DAMAGE = (OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)


def list_series(path: Path) -> list[Series]:
    """List the time series in a file; of GWOSC's only the strain."""
    try:
        file = h5py.File(path)
    except OSError:
        raise GspyError(
            f"{path.name} is not an HDF5 file, or is damaged; give strain as .hdf5, "
            ".h5 or .gwf"
        ) from None
    try:
        with file:
            return _list(file, path)
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def _list(file: h5py.File, path: Path) -> list[Series]:
    if GWOSC_STRAIN in file:
        name = file["meta/Detector"][()].decode() if "meta/Detector" in file else ""
        data = file[GWOSC_STRAIN]
        return [_series(path, data, GWOSC_STRAIN, name, ("Xstart", "Xspacing"))]
    found: list[Series] = []

    def keep(key: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and {"x0", "dx"} <= set(item.attrs):
            found.append(_series(path, item, key, "", ("x0", "dx")))

    file.visititems(keep)
    return found


def _damaged(path: Path, error: Exception) -> GspyError:
    reason = str(error).partition("\n")[0]
    return GspyError(f"{path.name} is damaged: {reason}")


def _series(
    path: Path, data: h5py.Dataset, key: str, ifo: str, axis: tuple[str, str]
) -> Series:
    start, spacing_s = (float(data.attrs[name]) for name in axis)
    if data.ndim != 1 or not spacing_s > 0:
        raise GspyError(f"{path.name} is damaged: {key} is no time series")
    named = data.attrs.get("channel")
    channel = named if isinstance(named, str) and ":" in named else key
    rate_hz = round(1 / spacing_s, 6)  # spacings are stored rounded
    return Series(
        path,
        key,
        channel,
        ifo or detector(channel, path),
        Decimal(str(start)),
        rate_hz,
        data.size,
        max(round(CHUNK_S * rate_hz), 1),
    )


def read_samples(series: Series, first: int, last: int) -> NDArray[np.floating]:
    """Read a stretch; only that is unpacked."""
    try:
        with h5py.File(series.path) as file:
            samples: NDArray[np.floating] = file[series.key][first:last]
    except _DAMAGE as error:
        raise _damaged(series.path, error) from None
    return samples
