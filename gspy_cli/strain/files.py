"""Files of strain, whatever their format: GWOSC's HDF5, gwpy's, or GWF."""

import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.strain.series import Series

MAX_NAMED = 8  # channels listed in an error message
MASKS = re.compile(r"[_-](DQ|INJ)MASK$")  # what GWOSC's frames hold beside the strain


def list_series(path: Path) -> list[Series]:
    """List the channels of a file, with an entry for each unbroken stretch.

    Raises
    ------
    GspyError
        The file cannot be read, or holds no time series.
    """
    try:
        if not path.is_file():
            raise GspyError(f"no such file: {path}")
    except OSError as error:
        raise GspyError(f"{path} cannot be read: {error.strerror}") from None
    found: list[Series] = _reader(path).list_series(path)
    strain = [series for series in found if not MASKS.search(series.channel)]
    if not strain:
        masks = " but masks" if found else ""
        raise GspyError(
            f"{path.name} holds no time series{masks}; give a GWOSC, gwpy or GWF file"
        )
    return strain


def read_samples(series: Series, first: int, last: int) -> NDArray[np.floating]:
    """Read samples from `first` up to, but without, `last`.

    Raises
    ------
    GspyError
        The file is damaged there.
    """
    samples: NDArray[np.floating]
    samples = _reader(series.path).read_samples(series, first, last)
    return samples


def _reader(path: Path) -> ModuleType:
    """Import what reads a file's format; h5py and gwframe take a while."""
    if path.suffix.lower() == ".gwf":
        from gspy_cli.strain import gwf

        return gwf
    from gspy_cli.strain import hdf5

    return hdf5


def choose_channels(
    found: Sequence[Series], *, channel: str | None = None, ifo: str | None = None
) -> list[Series]:
    """Choose one channel of a file; one of each detector where `channel` fits each.

    A channel may be given without its detector, as GDS-CALIB_STRAIN.
    """
    name = found[0].path.name
    fitting = [s for s in found if not channel or channel in _names(s)]
    if not fitting:
        raise GspyError(f"{name} has no channel {channel}; it has {_listed(found)}")
    if ifo:
        found, fitting = fitting, [s for s in fitting if s.ifo in ("", ifo)]
        if not fitting:
            ifos = ", ".join(sorted({series.ifo for series in found}))
            raise GspyError(f"{name} is of {ifos}, not of {ifo}")
    channels = {series.channel for series in fitting}
    if len(channels) > len({s.ifo for s in fitting} if channel else {""}):
        one_each = len(channels) == len({s.ifo for s in fitting if s.ifo})
        choice = "--ifo or --channel" if one_each else "--channel"
        raise GspyError(
            f"{name} has several channels; choose {choice}: {_listed(fitting)}"
        )
    return fitting


def _names(series: Series) -> tuple[str, ...]:
    return series.channel, series.key, series.channel.partition(":")[2]


def _listed(found: Sequence[Series]) -> str:
    names = sorted({series.channel for series in found})
    return ", ".join(names[:MAX_NAMED]) + (", ..." if len(names) > MAX_NAMED else "")
