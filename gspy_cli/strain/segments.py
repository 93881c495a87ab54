"""Short labelled stretches of strain, many in one HDF5 file."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.strain.hdf5 import DAMAGE, damaged


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch about one glitch.

    Attributes
    ----------
    name
        The data set's path in its file.
    samples
        Shape (n,); perhaps whitened before.
    event_s
        The glitch's time after the first sample.
    """

    name: str
    label: str
    ifo: str
    run: str
    samples: NDArray[np.float64]
    rate_hz: float
    event_s: float


def is_segments(path: Path) -> bool:
    """Tell whether a file is HDF5 with a `glitch_time`."""
    try:
        with h5py.File(path) as file:
            return {"glitch_time", "sample_rate"} <= set(file.attrs)
    except DAMAGE:
        return False


def read_segments(path: Path) -> list[Segment]:
    """Read all data sets that have a `label`, ordered by name.

    The file's attributes are `glitch_time` in s and `sample_rate` in Hz; a data
    set's are `label`, `ifo` and `run`.

    Raises
    ------
    GspyError
        If the file has no such attributes, or is damaged.
    """
    if not is_segments(path):
        raise GspyError(f"{path} is no HDF5 file with glitch_time and sample_rate")
    try:
        with h5py.File(path) as file:
            return [_segment(file, name) for name in _labelled(file)]
    except DAMAGE as error:
        raise damaged(path, error) from None


def _labelled(file: h5py.File) -> list[str]:
    names: list[str] = []

    def keep(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and "label" in item.attrs:
            names.append(name)

    file.visititems(keep)
    return sorted(names)


def _segment(file: h5py.File, name: str) -> Segment:
    attributes = file[name].attrs
    missing = {"ifo", "run"} - set(attributes)
    if missing:
        raise ValueError(f"{name} has no attribute {' or '.join(sorted(missing))}")
    return Segment(
        name=name,
        label=str(attributes["label"]),
        ifo=str(attributes["ifo"]),
        run=str(attributes["run"])[:2],
        samples=np.asarray(file[name], np.float64),
        rate_hz=float(file.attrs["sample_rate"]),
        event_s=float(file.attrs["glitch_time"]),
    )
