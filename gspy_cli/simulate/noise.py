"""Detector noise: Gaussian, with lines, and restless at low frequencies."""

from dataclasses import dataclass

import numpy as np
from numpy.fft import irfft, rfft
from numpy.typing import NDArray

from gspy_cli.simulate.detectors import Floats, Line

RESTLESS_BELOW_HZ = 40.0
SLOW_RATE_HZ = 256  # enough for the restless band
FADE_S = 0.25  # from simulated to real noise


@dataclass(frozen=True, slots=True)
class Inlay:
    """Whitened real strain of unit variance, and where its first sample goes.

    Above `known_hz` it is empty, cut off by the filters of resampling.
    """

    samples: Floats
    sample_rate_hz: int
    start_s: float
    known_hz: float


def draw_noise(
    rng: np.random.Generator,
    *,
    duration_s: float,
    sample_rate_hz: int,
    lines: list[Line],
    inlay: Inlay | None = None,
) -> NDArray[np.complex128]:
    """Draw the spectrum of whitened noise with lines, in numpy's rfft units.

    Times the floor and sqrt(sample rate / 2) it is the strain's spectrum. With an
    inlay, simulated noise only surrounds the real, and fills it up where it is
    empty.
    """
    size = round(duration_s * sample_rate_hz)
    restless = round(RESTLESS_BELOW_HZ * duration_s)
    parts = rng.standard_normal((size // 2 + 1, 2)).view(np.complex128)[:, 0]
    parts *= np.sqrt(size / 2)
    parts[:restless] = _restless(rng, duration_s)[:restless] * np.sqrt(size)
    if inlay:
        parts = _lay_in(parts, inlay, sample_rate_hz)
    for line in lines:
        _add_line(rng, parts, line, duration_s)
    parts[0] = 0
    return np.asarray(parts)


def _restless(rng: np.random.Generator, duration_s: float) -> NDArray[np.complex128]:
    """Give unit noise's spectrum; its level drifts by some 15 % over seconds."""
    size = round(duration_s * SLOW_RATE_HZ)
    seconds = np.arange(size) / SLOW_RATE_HZ
    knots = np.arange(0, duration_s + 4, rng.uniform(1, 3))
    drift = np.interp(seconds, knots, rng.normal(0, 0.15, knots.size))
    slow = rng.standard_normal(size) * np.exp(drift)
    return np.asarray(rfft(slow) / np.sqrt(size))


def _add_line(
    rng: np.random.Generator,
    spectrum: NDArray[np.complex128],
    line: Line,
    duration_s: float,
) -> None:
    """Add a Lorentzian line; a Hann window of 2 s spreads its power over 0.75 Hz."""
    centre = line.frequency_hz * duration_s
    reach = 4 + int(6 * line.width_hz * duration_s)
    bins = np.arange(round(centre) - reach, round(centre) + reach + 1)
    profile = 1 / (1 + ((bins - centre) / (line.width_hz * duration_s + 0.3)) ** 2)
    power = line.height**2 * 0.75 * duration_s * profile / profile.sum()
    shape = rng.standard_normal((bins.size, 2)).view(np.complex128)[:, 0]
    spectrum[bins] += shape * np.sqrt(power * spectrum.size)


def _lay_in(
    spectrum: NDArray[np.complex128], inlay: Inlay, sample_rate_hz: int
) -> NDArray[np.complex128]:
    """Replace noise by real strain; both fade so that the variance stays one."""
    factor = sample_rate_hz / inlay.sample_rate_hz
    size = round(inlay.samples.size * factor)
    start = round(inlay.start_s * sample_rate_hz)
    noise = irfft(spectrum)
    there = noise[start : start + size]
    parts = rfft(there)
    known = round(inlay.known_hz * size / sample_rate_hz)
    parts[known:] = 0
    simulated = irfft(parts, size)
    parts[:known] = rfft(inlay.samples)[:known] * np.sqrt(factor)
    seconds = np.arange(size) / sample_rate_hz
    inward = np.minimum(seconds, seconds[::-1]) / FADE_S
    angle = np.pi / 2 * np.clip(inward, 0, 1)
    there += np.sin(angle) * irfft(parts, size) - (1 - np.cos(angle)) * simulated
    return np.asarray(rfft(noise))
