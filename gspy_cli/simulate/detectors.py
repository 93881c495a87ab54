"""What LIGO's two detectors sound like when nothing happens: floors and lines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Amplitude spectral densities in strain/rtHz at these frequencies. O1 follows the
# amplitudes and signal-to-noise ratios of Gravity Spy's catalogue (v1.1).
FREQUENCIES_HZ = np.array(
    (5, 8, 10, 12, 15, 18.6, 22, 28, 40, 65, 100, 190, 655, 1340, 2048, 4096)
)
FLOORS = {  # in units of 1e-24
    "O1": (6e5, 3e5, 4e4, 6e3, 1e3, 260, 120, 60, 32, 19, 11, 8.5, 8.6, 16, 26, 54),
    "O2": (5e5, 2e5, 2e4, 3e3, 600, 160, 80, 40, 20, 13, 8, 7, 7.5, 15, 25, 52),
    "O3": (4e5, 8e4, 8e3, 1200, 260, 80, 40, 16, 8, 5.5, 4.2, 4, 5, 9, 15, 32),
    "O4": (4e5, 6e4, 6e3, 900, 200, 60, 30, 11, 6, 4.2, 3.4, 3.1, 3.9, 7, 11, 24),
}
FLOOR_UNIT = 1e-24


@dataclass(frozen=True, slots=True)
class Line:
    """A narrow line: `height` is its peak over the floor in a 2 s spectrum."""

    frequency_hz: float
    width_hz: float
    height: float


@dataclass(frozen=True, slots=True)
class Floor:
    """A noise floor without its lines: straight between knots in log-log."""

    log_hz: Floats
    log_asd: Floats

    def at(self, frequencies_hz: Floats) -> Floats:
        """Give the amplitude spectral density in strain/rtHz."""
        logs = np.log(np.maximum(frequencies_hz, 1e-3))
        return np.asarray(np.exp(np.interp(logs, self.log_hz, self.log_asd)))


def draw_floor(rng: np.random.Generator, *, run: str) -> Floor:
    """Draw one stretch's noise floor: the run's, a few dB up or down."""
    knots = np.log(FREQUENCIES_HZ)
    bends = np.log(np.multiply(FLOORS[run], FLOOR_UNIT))
    bends += rng.normal(0, 0.08, knots.size)
    bends[knots < np.log(60)] += rng.normal(0, 0.2)
    return Floor(knots, bends)


def draw_lines(rng: np.random.Generator, *, ifo: str) -> list[Line]:
    """Draw the lines of one stretch; their heights differ by several dB."""
    shift = 0.0 if ifo == "H1" else 2.5
    lines = [
        _line(rng, 60.0, width=0.01, height=(10, 80)),
        _line(rng, 120.0, width=0.02, height=(2, 10)),
        _line(rng, 180.0, width=0.03, height=(2, 12)),
        _line(rng, 300.0, width=0.05, height=(1, 4)),
        _line(rng, 36.0 + shift / 4 + rng.uniform(-1, 1), height=(10, 80)),
        _line(rng, 37.3 + rng.uniform(-1, 1), height=(5, 60)),
        _line(rng, 331.9, height=(5, 40)),
        _line(rng, 1083.7, height=(2, 20)),
        _line(rng, 9.8, width=0.05, height=(3, 20)),
        _line(rng, 13.8, width=0.05, height=(2, 10)),
        _line(rng, 27.6, width=0.1, height=(1, 6)),
        _line(rng, 41.0 + rng.uniform(-1, 1), width=0.1, height=(1, 8)),
    ]
    lines += _group(rng, 303 + shift, spread=4, count=4, height=(1, 8))
    strength = float(np.exp(rng.normal(0, 0.6)))
    for order, centre in enumerate((504.0, 1002.0, 1471.0, 1940.0)):
        height = (10 * strength, 100 * strength)
        lines += _group(rng, centre + shift, spread=5 + 4 * order, height=height)
    return lines


def _line(
    rng: np.random.Generator,
    frequency_hz: float,
    *,
    height: tuple[float, float],
    width: float = 0.005,
) -> Line:
    tall = np.exp(rng.uniform(np.log(height[0]), np.log(height[1])))
    return Line(float(frequency_hz), width, float(tall))


def _group(
    rng: np.random.Generator,
    centre_hz: float,
    *,
    spread: float,
    height: tuple[float, float],
    count: int = 8,
) -> list[Line]:
    members = centre_hz + rng.normal(0, spread, count)
    return [_line(rng, f, width=0.01, height=height) for f in members]
