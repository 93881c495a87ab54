"""Planes of constant-Q tiles: their geometry, and the energy in each tile.

The tiling is that of Chatterji (2004) as gwpy implements it: bi-square windows on
the spectrum, with neighbouring tiles overlapping to a mismatch of at most 20 %.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, log, log2, pi, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gspy_cli.strain.eras import ScanSettings

QRANGE = (4.0, 64.0)  # of Gravity Spy's pictures
MISMATCH = 0.2
TILE_SPACING = 2 * sqrt(MISMATCH / 3)
# To rows of so many tiles a second nothing matters that is 2 s away.
BRIEF_PER_S, HEARD_S = 64, 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Neighbouring rows of a plane that have the same number of tiles.

    Attributes
    ----------
    tiles
        Tiles in each row, a power of two.
    frequencies
        Central frequencies in Hz, shape (R,).
    first_bins
        Where each row's window begins in the spectrum.
    windows
        Bi-square windows, each of odd length.
    """

    tiles: int
    frequencies: tuple[float, ...]
    first_bins: tuple[int, ...]
    windows: tuple[NDArray[np.floating], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """All rows of one Q, lowest frequency first."""

    q: float
    rows: tuple[Rows, ...]

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Central frequencies of all rows, in Hz."""
        return np.concatenate([rows.frequencies for rows in self.rows])

    @property
    def bins(self) -> int:
        """How many bins of the spectrum the plane reads, counted from 0 Hz."""
        return max(
            first + window.size
            for rows in self.rows
            for first, window in zip(rows.first_bins, rows.windows, strict=True)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Whitened:
    """Whitened strain as a spectrum from 0 Hz, and the planes to cut it into."""

    spectrum: NDArray[np.complexfloating]
    planes: tuple[Plane, ...]
    duration_s: float
    settings: ScanSettings


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The spectrum of one of `parts` equal parts, and where in the whole it begins.

    `start` is a share of the whole; before the whole is its end.
    """

    spectrum: NDArray[np.complexfloating]
    parts: int
    start: float


@dataclass(frozen=True, slots=True, eq=False)
class PlaneTiles:
    """Normalised tile energies of one plane near its events.

    For each group of rows: an array, and the number of its first tile.
    """

    plane: Plane
    energies: Sequence[NDArray[np.float32]]
    firsts: Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """Strain, whitened and cut into tiles: all that its events have in common."""

    planes: Sequence[PlaneTiles]
    duration_s: float
    settings: ScanSettings


@lru_cache(maxsize=16)
def tiling(
    duration_s: float,
    frange: tuple[float, float],
    precision: type[np.floating] = np.float32,
) -> tuple[Plane, ...]:
    """Lay out the planes that cover `QRANGE` and a range of frequency (Hz)."""
    return tuple(_plane(q, duration_s, frange, precision) for q in _qs())


def _qs() -> Iterator[float]:
    span = log(QRANGE[1] / QRANGE[0]) / sqrt(2)
    count = ceil(span / TILE_SPACING)
    for i in range(count):
        yield QRANGE[0] * exp(sqrt(2) * span / count * (i + 0.5))


def _frequencies(
    q: float, duration_s: float, frange: tuple[float, float]
) -> list[float]:
    span = log(frange[1] / frange[0]) * sqrt(2 + q**2) / 2
    count = ceil(span / TILE_SPACING)
    step = 2 / sqrt(2 + q**2) * span / count
    bin_hz = 1 / duration_s
    centres = (
        frange[0] * exp(step * (i + 0.5)) // bin_hz * bin_hz for i in range(count)
    )
    return list(dict.fromkeys(centres))


def _plane(
    q: float,
    duration_s: float,
    frange: tuple[float, float],
    precision: type[np.floating],
) -> Plane:
    by_tiles: dict[int, list[float]] = {}
    for frequency in _frequencies(q, duration_s, frange):
        least = duration_s * 2 * pi * frequency / q / TILE_SPACING
        by_tiles.setdefault(2 ** ceil(log2(least)), []).append(frequency)
    rows = (
        _rows(q, duration_s, tiles, centres, precision)
        for tiles, centres in by_tiles.items()
    )
    return Plane(q, tuple(rows))


def _rows(
    q: float,
    duration_s: float,
    tiles: int,
    centres: list[float],
    precision: type[np.floating],
) -> Rows:
    first_bins, windows = [], []
    for frequency in centres:
        half_width_hz = frequency * sqrt(11) / q
        half = int(half_width_hz * duration_s)
        offsets = np.arange(-half, half + 1) / duration_s / half_width_hz
        windows.append(((1 - offsets**2) ** 2).astype(precision))
        # gwpy reads one bin above the centre; its pictures, so ours, contain that.
        first_bins.append(round(frequency * duration_s - half + 1))
    return Rows(tiles, tuple(centres), tuple(first_bins), tuple(windows))


def tile_energies(
    spectrum: NDArray[np.complexfloating], rows: Rows
) -> NDArray[np.floating]:
    """Energy in every tile, not normalised, shape (R, tiles)."""
    padded = np.zeros((len(rows.windows), rows.tiles), dtype=spectrum.dtype)
    # Where in a line its spectrum stands turns the tiles' phases, not their energies.
    for line, first, window in zip(padded, rows.first_bins, rows.windows, strict=True):
        part = spectrum[first : first + window.size]
        np.multiply(part, window, out=line[: window.size])
    tiles = np.fft.ifft(padded, out=padded)
    squares = tiles.view(spectrum.real.dtype)  # real and imaginary parts, in turn
    np.square(squares, out=squares)
    energies: NDArray[np.floating] = squares[:, ::2] + squares[:, 1::2]
    return energies


def cut_part(whitened: Whitened, keep_s: tuple[float, float]) -> Part:
    """Cut the shortest part in which all tiles of brief rows are as in the whole."""
    duration_s = whitened.duration_s
    length_s = keep_s[1] - keep_s[0] + 2 * HEARD_S
    parts = 2 ** max(int(log2(duration_s / length_s)), 0)
    tiles = 2 ** ceil(log2(BRIEF_PER_S * duration_s))
    middle = (keep_s[0] + keep_s[1]) / 2 / duration_s
    start = round(tiles * (middle - 0.5 / parts))
    size = 2 ** ceil(log2(2 * whitened.spectrum.size))
    samples = np.roll(np.fft.irfft(whitened.spectrum, size), -start * (size // tiles))
    spectrum = np.fft.rfft(samples[: size // parts]).astype(whitened.spectrum.dtype)
    return Part(spectrum, parts, start / tiles)


@lru_cache(maxsize=512)
def shortened(rows: Rows, parts: int) -> Rows:
    """Lay the same tiles over one of so many equal parts of the stretch."""
    first_bins = [ceil(first / parts) for first in rows.first_bins]
    windows = [
        window[parts * least - first :: parts]
        for window, first, least in zip(
            rows.windows, rows.first_bins, first_bins, strict=True
        )
    ]
    return Rows(
        rows.tiles // parts, rows.frequencies, tuple(first_bins), tuple(windows)
    )


def mean_energies(
    spectrum: NDArray[np.complexfloating], rows: Rows
) -> NDArray[np.floating]:
    """Mean of each row's energies, shape (R, 1), by Parseval's theorem."""
    means = []
    for first, window in zip(rows.first_bins, rows.windows, strict=True):
        part = spectrum[first : first + window.size] * window
        means.append(np.vdot(part, part).real / rows.tiles**2)
    return np.array(means, spectrum.real.dtype)[:, None]


def row_norms(
    energies: NDArray[np.floating], norm: Literal["mean", "median"]
) -> NDArray[np.floating]:
    """Mean or median of each row's energies, shape (R, 1)."""
    norms: NDArray[np.floating]
    if norm == "mean":
        norms = energies.mean(axis=1)
    else:  # the number of tiles is even; much faster here than numpy's median
        half = energies.shape[1] // 2
        parted = np.partition(energies, half, axis=1)
        norms = (parted[:, :half].max(axis=1) + parted[:, half]) / np.float32(2)
    return norms[:, None]
