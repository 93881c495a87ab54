"""The Q-scan: normalised energies on the grid of Gravity Spy's picture.

It follows gwpy's `q_transform` as Gravity Spy calls it (Chatterji 2004), and computes
only what the picture shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gspy_cli.results import WINDOWS
from gspy_cli.strain import grid
from gspy_cli.strain.checks import check_event, check_strain
from gspy_cli.strain.eras import ERA_SETTINGS, Era
from gspy_cli.strain.interpolation import SPLINE_REACH, interpolate
from gspy_cli.strain.qplane import (
    BRIEF_PER_S,
    Part,
    Plane,
    PlaneTiles,
    Tiles,
    Whitened,
    cut_part,
    mean_energies,
    row_norms,
    shortened,
    tile_energies,
    tiling,
)
from gspy_cli.strain.whitening import whitened_spectrum


@dataclass(frozen=True, slots=True)
class QScan:
    """Normalised energies around one event, and its loudest tile.

    Attributes
    ----------
    energies
        Window in s to energies of shape (479, cells of 2 ms), highest frequency
        first.
    frequencies
        Lower edge in Hz of each row's 0.5 Hz cell, shape (479,).
    q
        Q of the plane that holds the loudest tile.
    peak_frequency, peak_time, snr
        The loudest tile: Hz, seconds after the first sample, and sqrt(2 E).
    event_time
        Seconds after the first sample; the middle of the windows.
    """

    energies: Mapping[float, NDArray[np.float32]]
    frequencies: NDArray[np.float64]
    q: float
    peak_frequency: float
    peak_time: float
    snr: float
    event_time: float


@dataclass(frozen=True, slots=True)
class _Peak:
    energy: float
    time_s: float
    frequency_hz: float
    rows: PlaneTiles

    @property
    def snr(self) -> float:
        return float(np.sqrt(2 * self.energy))


def q_scan(
    strain: NDArray[np.floating],
    *,
    sample_rate_hz: float,
    event_s: float,
    era: Era = Era.GWPY,
    frange: tuple[float, float] = (grid.LOW_HZ, grid.HIGH_HZ),
) -> QScan:
    """Scan strain of shape (n,) around an event, seconds after the first sample.

    Gravity Spy gives 64 s at 16384 Hz. Shorter stretches (8 s and more) and lower
    rates (4096 Hz and more) give nearly the same picture. Rows whose tiles reach
    beyond Nyquist use the part below it, so the picture is always full; gwpy stops
    at 1291 Hz for 4096 Hz data.

    Raises
    ------
    GspyError
        If the strain is too short, has gaps, is constant or too coarsely sampled, or
        a part of it is too loud.
    """
    whitened = whiten_strain(
        strain, sample_rate_hz=sample_rate_hz, era=era, frange=frange
    )
    keep_s = (event_s - max(WINDOWS) / 2, event_s + max(WINDOWS) / 2)
    tiles = tile_planes(whitened, whitened.planes, keep_s=keep_s)
    return scan_tiles(tiles, event_s=event_s)


def whiten_strain(
    strain: NDArray[np.floating],
    *,
    sample_rate_hz: float,
    era: Era = Era.GWPY,
    frange: tuple[float, float] = (grid.LOW_HZ, grid.HIGH_HZ),
) -> Whitened:
    """Do the part of a Q-scan that its planes share; strain of shape (n,).

    Raises
    ------
    GspyError
        If the strain is too short, has gaps, is constant or too coarsely sampled, or
        a part of it is too loud.
    """
    check_strain(strain, sample_rate_hz=sample_rate_hz, high_hz=frange[1])
    settings = ERA_SETTINGS[era]
    duration_s = strain.size / sample_rate_hz
    planes = tiling(duration_s, frange)
    spectrum = whitened_spectrum(
        np.asarray(strain, dtype=np.float64),
        sample_rate_hz=int(sample_rate_hz),
        settings=settings,
        bins=max(plane.bins for plane in planes),
    )
    if spectrum.dtype == np.complex128:
        planes = tiling(duration_s, frange, np.float64)
    return Whitened(spectrum, planes, duration_s, settings)


def tile_planes(
    whitened: Whitened, planes: Sequence[Plane], *, keep_s: tuple[float, float]
) -> Tiles:
    """Cut some of the planes of whitened strain: what neighbouring events share.

    Tiles are kept from one time to another, in seconds after the first sample: for
    the pictures of an event, half the longest of `WINDOWS` on either side is enough.
    """
    mean = whitened.settings.row_norm == "mean"
    part = cut_part(whitened, keep_s) if mean else None
    normalised = [_normalise(plane, whitened, part, keep_s) for plane in planes]
    return Tiles(normalised, whitened.duration_s, whitened.settings)


def scan_tiles(
    tiles: Tiles, *, event_s: float, windows: Sequence[float] = WINDOWS
) -> QScan:
    """Choose the plane with the loudest tile near an event, and picture that.

    Raises
    ------
    GspyError
        If the event is too near the edge.
    """
    check_event(tiles.duration_s, event_s, max(windows))
    best = _peak(tiles, event_s)
    return QScan(
        energies=interpolate(best.rows, tiles, event_s, tuple(windows)),
        frequencies=grid.row_frequencies(),
        q=best.rows.plane.q,
        peak_frequency=best.frequency_hz,
        peak_time=best.time_s,
        snr=best.snr,
        event_time=event_s,
    )


def peak_snr(tiles: Tiles, *, event_s: float) -> float:
    """Give the SNR that a Q-scan of the event would have, without its picture."""
    return _peak(tiles, event_s).snr


def _normalise(
    plane: Plane, whitened: Whitened, part: Part | None, keep_s: tuple[float, float]
) -> PlaneTiles:
    energies, firsts = [], []
    for rows in plane.rows:
        step_s = whitened.duration_s / rows.tiles
        if part and rows.tiles >= BRIEF_PER_S * whitened.duration_s:
            start = int(part.start * rows.tiles)
            tiles = tile_energies(part.spectrum, shortened(rows, part.parts))
            norms = mean_energies(whitened.spectrum, rows)
        else:
            start = 0
            tiles = tile_energies(whitened.spectrum, rows)
            norms = row_norms(tiles, whitened.settings.row_norm)
        first = max(int(keep_s[0] / step_s) - SPLINE_REACH, 0)
        last = int(keep_s[1] / step_s) + SPLINE_REACH
        near = tiles[:, first - start : last - start] / norms
        energies.append(near.astype(np.float32, copy=False))
        firsts.append(first)
    return PlaneTiles(plane, energies, firsts)


def _peak(tiles: Tiles, event_s: float) -> _Peak:
    """Find the loudest tile of all planes near an event."""
    half_s = tiles.settings.search_s
    search = (event_s - half_s, event_s + half_s)
    peaks = (_peak_of_plane(rows, tiles.duration_s, search) for rows in tiles.planes)
    return max(peaks, key=lambda peak: peak.energy)


def _peak_of_plane(
    rows: PlaneTiles, duration_s: float, search: tuple[float, float]
) -> _Peak:
    """Find a plane's loudest tile in the search window."""
    peaks = []
    parts = zip(rows.plane.rows, rows.energies, rows.firsts, strict=True)
    for group, tiles, start in parts:
        first, last = (int(t * group.tiles / duration_s) for t in search)
        near = tiles[:, first - start : max(last, first + 1) - start]
        row, column = np.unravel_index(near.argmax(), near.shape)
        time_s = float(first + column) * duration_s / group.tiles
        energy = float(near[row, column])
        peaks.append(_Peak(energy, time_s, group.frequencies[row], rows))
    return max(peaks, key=lambda peak: peak.energy)
