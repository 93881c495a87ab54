"""From tiles to the cells of a picture, by cubic splines."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from gspy_cli.strain import grid
from gspy_cli.strain.qplane import PlaneTiles, Tiles
from gspy_cli.strain.splines import spline_matrix, spline_rows

# A cubic spline forgets a knot by 0.27 per step: 16 steps is float32's precision.
SPLINE_REACH = 16
SPLINE_MIN_KNOTS = 4


def interpolate(
    rows: PlaneTiles, tiles: Tiles, event_s: float, windows: tuple[float, ...]
) -> Mapping[float, NDArray[np.float32]]:
    """Interpolate the tiles to the picture's cells, for each window (479, cells).

    `event_s` is after the first sample; windows are in seconds.
    """
    settings = tiles.settings
    weights = _row_weights(tuple(rows.plane.frequencies), settings.row_shift_hz)
    # Without cropped rows, short windows are cut from the longest one.
    spans = windows if settings.crops_rows else (max(windows),)
    pictures = {span: weights @ _in_time(rows, tiles, event_s, span) for span in spans}
    longest = pictures[max(windows)]
    for window in windows:
        if window not in pictures:
            cells = grid.column_count(window)
            first = (longest.shape[1] - cells) // 2
            pictures[window] = longest[:, first : first + cells]
    return MappingProxyType({window: pictures[window] for window in windows})


@lru_cache(maxsize=32)
def _row_weights(centres: tuple[float, ...], shift_hz: float) -> NDArray[np.float32]:
    """Weights of the cubic spline in frequency, shape (479, rows of the plane).

    Beyond the first and last row of tiles the picture repeats them.
    """
    wanted = np.clip(grid.row_frequencies() + shift_hz, centres[0], centres[-1])
    return spline_matrix(np.array(centres), wanted).astype(np.float32)


def _in_time(
    rows: PlaneTiles, tiles: Tiles, event_s: float, window_s: float
) -> NDArray[np.float32]:
    """Interpolate each row of tiles to the window's cells, shape (rows, cells)."""
    start_s, end_s = event_s - window_s / 2, event_s + window_s / 2
    times = start_s + grid.TIME_STEP_S * np.arange(grid.column_count(window_s))
    slowest_s = tiles.duration_s / rows.plane.rows[0].tiles
    pieces = []
    parts = zip(rows.plane.rows, rows.energies, rows.firsts, strict=True)
    for group, energies, start in parts:
        step_s = tiles.duration_s / group.tiles
        if tiles.settings.crops_rows:
            margin_s = _crop_margin(window_s, slowest_s)
        else:
            margin_s = SPLINE_REACH * step_s
        first = max(int((start_s - margin_s) / step_s), 0)
        last = int((end_s + margin_s) / step_s)
        near = energies[:, first - start : last - start]
        pieces.append(
            spline_rows(near, first=step_s * first, step=step_s, points=times)
        )
    return np.concatenate(pieces)


def _crop_margin(window_s: float, slowest_step_s: float) -> float:
    """Give what the first eras leave beside a window when they crop rows.

    gwpy fails if a row has too few tiles for a spline. Gravity Spy then tries again
    with twice the time.
    """
    span_s = window_s
    while span_s < SPLINE_MIN_KNOTS * slowest_step_s:
        span_s *= 2
    return (span_s - window_s) / 2
