"""Cubic splines, as scipy.interpolate's `make_interp_spline` gives them.

At either end the third derivative passes the last knot but one ("not a knot").
scipy takes longer to import than a Q-scan to draw.
"""

from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

FEW = 64
POLE = np.sqrt(3) - 2  # by which a spline forgets a knot with each step
FORGOTTEN = 30  # steps after which nothing is left in double precision
# What is zero where the third derivative of evenly spaced B-splines does not jump.
JUMP = np.array([1.0, -4.0, 6.0, -4.0, 1.0])


def spline_matrix(
    knots: NDArray[np.floating], points: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Weights of values at ascending knots in a spline's at points, (P, K).

    Four knots or more. Points beyond the ends are extrapolated.
    """
    steps = np.diff(knots)
    count = knots.size
    inner = np.arange(1, count - 1)
    # Second derivatives (K,) are bends @ values: steps and slopes meet at each knot.
    system, slopes = np.zeros((2, count, count))
    system[inner, inner - 1] = steps[:-1]
    system[inner, inner] = 2 * (steps[:-1] + steps[1:])
    system[inner, inner + 1] = steps[1:]
    system[0, :3] = -steps[1], steps[0] + steps[1], -steps[0]
    system[-1, -3:] = -steps[-1], steps[-2] + steps[-1], -steps[-2]
    slopes[inner, inner - 1] = 6 / steps[:-1]
    slopes[inner, inner] = -6 / steps[:-1] - 6 / steps[1:]
    slopes[inner, inner + 1] = 6 / steps[1:]
    bends = np.linalg.solve(system, slopes)
    left = np.clip(np.searchsorted(knots, points, "right") - 1, 0, count - 2)
    step = steps[left][:, None]
    after = (points - knots[left])[:, None] / step
    before = 1 - after
    values = np.eye(count)
    return np.asarray(
        before * values[left]
        + after * values[left + 1]
        + step**2 / 6 * (before**3 - before) * bends[left]
        + step**2 / 6 * (after**3 - after) * bends[left + 1]
    )


def spline_rows(
    rows: NDArray[np.float32],
    *,
    first: float,
    step: float,
    points: NDArray[np.floating],
) -> NDArray[np.float32]:
    """Interpolate rows (R, K) at knots `first`, `first + step` ...: (R, P)."""
    count = rows.shape[1]
    if count <= FEW:
        weights = spline_matrix(first + step * np.arange(count), points)
        return np.asarray(rows @ weights.T.astype(np.float32))
    heights = _b_spline_heights(rows)
    place = (points - first) / step
    left = np.clip(place.astype(np.intp), 0, count - 2)
    after = (place - left).astype(np.float32)[:, None]
    before = 1 - after
    values = before**3 * heights[left]
    values += (4 + 3 * after**2 * (after - 2)) * heights[left + 1]
    values += (4 + 3 * before**2 * (before - 2)) * heights[left + 2]
    values += after**3 * heights[left + 3]
    return np.asarray(values.T / np.float32(6))


def _b_spline_heights(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Heights of the B-splines at even knots and one beyond each end, (K + 2, R)."""
    count = rows.shape[1]
    size = 2 ** ceil(log2(count + 2))  # whatever lies beyond the knots
    symbol = (4 + 2 * np.cos(2 * np.pi / size * np.arange(size // 2 + 1))) / 6
    spectra = np.fft.rfft(rows.astype(np.float64), size) / symbol
    heights = np.roll(np.fft.irfft(spectra, size), 1, axis=1)[:, : count + 2].T
    # That meets the knots; what takes its jumps at either end away fades from there.
    fading = POLE ** np.arange(FORGOTTEN)
    fading /= fading[: JUMP.size] @ JUMP
    for end in (heights[:FORGOTTEN], heights[: -FORGOTTEN - 1 : -1]):
        end -= np.outer(fading, JUMP @ end[: JUMP.size])
    return np.asarray(heights, np.float32, order="C")
