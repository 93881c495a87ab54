"""Find the loudest Q tile of a noise-free waveform: where a search would trigger."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.fft import ifft, rfft

from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.detectors import Floats

QS = tuple(4 * 2 ** (k + 0.5) for k in range(4))  # gwpy's planes for 4 to 64
LOWEST_HZ, HIGHEST_HZ = 10.5, 1950.0


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
    """Find the loudest tile within some seconds of time zero (Chatterji 2005)."""
    rate = clock.sample_rate_hz
    half = round((within_s + 1) * rate)
    middle = int(np.searchsorted(clock.times_s, 0.0))
    cut = whitened[max(middle - half, 0) : middle + half]
    start_s = clock.times_s[max(middle - half, 0)]
    spectrum = rfft(cut) / np.sqrt(cut.size)
    rows = [
        _row(spectrum, f, q, cut.size / rate, start_s, within_s)
        for q in QS
        for f in np.geomspace(LOWEST_HZ, HIGHEST_HZ, round(5 * q**0.8))
    ]
    best = max(rows, key=lambda tile: tile.energy)
    return replace(best, rival=max(tile.energy for tile in rows if tile.q != best.q))


def _row(
    spectrum: np.ndarray[tuple[int], np.dtype[np.complex128]],
    frequency_hz: float,
    q: float,
    duration_s: float,
    start_s: float,
    within_s: float,
) -> Tile:
    """Find the loudest tile of one row: a bisquare window in frequency."""
    half_bins = frequency_hz * np.sqrt(11) / q * duration_s
    first = int(np.ceil(frequency_hz * duration_s - half_bins))
    last = int(np.floor(frequency_hz * duration_s + half_bins))
    bins = np.arange(max(first, 0), min(last, spectrum.size - 1) + 1)
    window = (1 - ((bins - frequency_hz * duration_s) / half_bins) ** 2) ** 2
    padded = np.zeros(2 ** int(np.ceil(np.log2(1.5 * bins.size + 8))), complex)
    padded[: bins.size] = spectrum[bins] * window
    energy = np.abs(ifft(padded)) ** 2 * (padded.size**2 / np.sum(window**2))
    times = start_s + np.arange(padded.size) * (duration_s / padded.size)
    energy[np.abs(times) > within_s] = 0
    best = int(np.argmax(energy))
    return Tile(float(times[best]), frequency_hz, q, float(energy[best]))
