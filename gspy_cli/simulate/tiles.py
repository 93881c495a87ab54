"""Find the loudest Q tile of a noise-free waveform: where a search would trigger."""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil

import numpy as np
from numpy.fft import rfft
from numpy.typing import NDArray

from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.detectors import Floats
from gspy_cli.strain.qplane import Rows, tile_energies, tiling

FRANGE = (10.5, 1950.0)


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile in time and frequency; mean noise has an energy of one.

    `rival` is the energy of the loudest tile with another Q.
    """

    time_s: float
    frequency_hz: float
    q: float
    energy: float
    rival: float = 0.0

    def louder(self, factor: float) -> "Tile":
        """Give the tile of the same waveform, its amplitude times a factor."""
        power = factor**2
        return replace(self, energy=power * self.energy, rival=power * self.rival)


def loudest_tile(clock: Clock, whitened: Floats, *, within_s: float = 2.5) -> Tile:
    """Find the loudest tile of a waveform (n,) near time zero (Chatterji 2005)."""
    rate = clock.sample_rate_hz
    half = round((within_s + 1) * rate)
    middle = int(np.searchsorted(clock.times_s, 0.0))
    first = max(middle - half, 0)
    cut = whitened[first : middle + half]
    duration_s = cut.size / rate
    planes = tiling(duration_s, FRANGE)
    bins = np.zeros(max(cut.size // 2 + 1, *(p.bins for p in planes)), np.complex64)
    bins[: cut.size // 2 + 1] = rfft(cut) / np.sqrt(cut.size)
    zero_s = -float(clock.times_s[first])
    within = (zero_s - within_s) / duration_s, (zero_s + within_s) / duration_s
    loudest = [
        max(
            (_loudest(bins, plane.q, rows, within) for rows in plane.rows),
            key=lambda tile: tile.energy,
        )
        for plane in planes
    ]
    best = max(loudest, key=lambda tile: tile.energy)
    time_s = duration_s * best.time_s - zero_s
    rival = max(tile.energy for tile in loudest if tile is not best)
    return replace(best, time_s=time_s, rival=rival)


def _loudest(
    spectrum: NDArray[np.complex64], q: float, rows: Rows, within: tuple[float, float]
) -> Tile:
    """Find the loudest tile of some rows; times are parts of the whole."""
    first, last = (ceil(t * rows.tiles) for t in within)
    energies = tile_energies(spectrum, rows)[:, first:last] * _gains(rows)
    row, column = np.unravel_index(energies.argmax(), energies.shape)
    time = (first + int(column)) / rows.tiles
    return Tile(time, rows.frequencies[row], q, float(energies[row, column]))


@lru_cache(maxsize=64)
def _gains(rows: Rows) -> NDArray[np.float32]:
    """Give what makes the mean energy of white noise one, shape (R, 1)."""
    powers = [float(np.sum(window**2)) for window in rows.windows]
    gains = rows.tiles**2 / np.array(powers, np.float32)
    return np.asarray(gains[:, None], np.float32)
