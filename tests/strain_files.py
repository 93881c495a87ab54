"""Files of strain that tests share, as GWOSC and gwpy write them."""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

START, RATE = 1126259446, 4096


def noise(
    duration_s: int, *, blips_s: tuple[float, ...] = (), rate: int = RATE, seed: int = 0
) -> NDArray[np.float64]:
    """White noise with sine-Gaussians of 100 Hz."""
    times = np.arange(duration_s * rate) / rate
    strain = np.random.default_rng(seed).normal(0, 1e-21, times.size)
    for at in blips_s:
        wave = np.cos(2 * np.pi * 100 * (times - at))
        strain += 2e-20 * np.exp(-(((times - at) / 0.01) ** 2)) * wave
    return strain


def gwosc_file(
    folder: Path,
    strain: NDArray[np.generic],
    *,
    ifo: str = "L1",
    start: int = START,
    rate: int = RATE,
    **storage: object,
) -> Path:
    """Write strain as GWOSC does."""
    duration = strain.size // rate
    path = folder / f"{ifo[0]}-{ifo}_GWOSC_4KHZ_R1-{start}-{duration}.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("strain/Strain", data=strain, **storage)
        data.attrs.update(Xstart=start, Xspacing=1 / rate)
        mask = file.create_dataset("quality/simple/DQmask", data=np.ones(duration))
        mask.attrs.update(Xstart=start, Xspacing=1.0)
        file["meta/Detector"] = ifo
    return path


def gwpy_file(
    path: Path,
    channels: dict[str, NDArray[np.generic]],
    *,
    start: float = START,
    **attributes: object,
) -> Path:
    """Write strain as gwpy does."""
    with h5py.File(path, "w") as file:
        for channel, strain in channels.items():
            data = file.create_dataset(channel, data=strain)
            data.attrs.update(x0=float(start), dx=1 / RATE, channel=channel)
            data.attrs.update(attributes)
    return path
