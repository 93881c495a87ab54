"""Building blocks: envelopes, pulses, sweeps, and noise with a shape.

Each gives samples (n,) over times `t` (n,), or the clock's; times and widths, `tau`
and `sigma`, are in seconds, `f0` in hertz.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.fft import irfft, rfft

from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.detectors import Floats


@dataclass(frozen=True, slots=True)
class Stamp:
    """A copy of a short shape in a `pulse_train`: where, how large, how far it goes."""

    at_s: float
    height: float
    reach_s: float
    shape: Callable[[Floats], Floats]


def pulse(t: Floats, tau: float, tau_after: float | None = None) -> Floats:
    """Rise and fall exponentially, with another time constant after if given."""
    scale = np.where(t > 0, tau_after or tau, tau)
    return np.exp(-np.abs(t) / scale)


def gaussian(t: Floats, sigma: float) -> Floats:
    """Give a bell of standard deviation `sigma`."""
    return np.exp(-0.5 * (t / sigma) ** 2)


def sine_gaussian(t: Floats, f0: float, sigma: float, phase: float = 0.0) -> Floats:
    """Give a cosine of `f0` hertz under a bell: a sine-Gaussian."""
    return gaussian(t, sigma) * np.cos(2 * np.pi * f0 * t + phase)


def log_bell(clock: Clock, f0: float, gamma: float, phase: float) -> Floats:
    """Give a pulse, whitened, with spectrum exp(-gamma ln(f / f0)**2 / 2) in strain.

    That is the model of Bondarescu, Lundgren and Macas 2023. `phase` is the same at all
    frequencies: an even pulse at zero, an odd one at pi / 2.
    """
    logs = np.log(np.maximum(clock.frequencies_hz, 1e-3) / f0)
    spectrum = np.exp(-gamma / 2 * logs**2 + 1j * phase)
    strain = np.fft.fftshift(irfft(spectrum, clock.times_s.size))
    return unit(clock.whiten(strain))


def flat_top(t: Floats, start: float, stop: float, edge: float) -> Floats:
    """One between `start` and `stop`, with smooth edges."""
    rise = np.clip((t - start) / edge + 0.5, 0, 1)
    fall = np.clip((stop - t) / edge + 0.5, 0, 1)
    return np.asarray((np.sin(np.pi / 2 * rise) * np.sin(np.pi / 2 * fall)) ** 2)


def sweep(clock: Clock, frequency: Floats | float, phase: float = 0.0) -> Floats:
    """Oscillate at a frequency that changes in time; its phase is continuous."""
    if isinstance(frequency, float | int):
        return np.cos(2 * np.pi * frequency * clock.times_s + phase)
    cycles = np.cumsum(frequency) / clock.sample_rate_hz
    return np.asarray(np.cos(2 * np.pi * cycles + phase))


def walk(rng: np.random.Generator, clock: Clock, *, memory_s: float) -> Floats:
    """Wander smoothly about zero with unit spread; it forgets in about `memory_s`."""
    first, last = clock.times_s[0], clock.times_s[-1]
    knots = np.arange(first - 2 * memory_s, last + 3 * memory_s, memory_s)
    free = rng.standard_normal(knots.size + 2)
    steps = np.convolve(free, [0.41, 0.82, 0.41], "valid")
    coarse = np.arange(first, last + memory_s / 8, memory_s / 8)
    return np.interp(clock.times_s, coarse, _spline(coarse, knots, steps))


def _spline(at: Floats, knots: Floats, values: Floats) -> Floats:
    """Interpolate evenly spaced values by Catmull and Rom's cubic."""
    place = (at - knots[0]) / (knots[1] - knots[0])
    left = place.astype(int)
    u = place - left
    a, b, c, d = (values[left + k] for k in (-1, 0, 1, 2))
    bend = 2 * a - 5 * b + 4 * c - d + u * (3 * (b - c) + d - a)
    return np.asarray(b + 0.5 * u * (c - a + u * bend))


def band_noise(
    rng: np.random.Generator, clock: Clock, low_hz: float, high_hz: float
) -> Floats:
    """Give whitened Gaussian noise between two frequencies; its scale is arbitrary."""
    inside = (clock.frequencies_hz >= low_hz) & (clock.frequencies_hz <= high_hz)
    spectrum = np.zeros(clock.frequencies_hz.size, complex)
    parts = rng.standard_normal((np.count_nonzero(inside), 2))
    spectrum[inside] = parts.view(np.complex128)[:, 0]
    return np.asarray(irfft(spectrum, clock.times_s.size))


def tilt(clock: Clock, whitened: Floats, gain: Callable[[Floats], Floats]) -> Floats:
    """Filter a waveform by a gain that depends on the frequency in hertz."""
    spectrum = rfft(whitened) * gain(clock.frequencies_hz)
    return np.asarray(irfft(spectrum, clock.times_s.size))


def high_pass(clock: Clock, whitened: Floats, edge_hz: float, order: int) -> Floats:
    """Take away what lies below a frequency; half is left at the edge itself."""
    return tilt(
        clock, whitened, lambda f: 1 / (1 + (edge_hz / np.maximum(f, 1)) ** order)
    )


def pulse_train(clock: Clock, stamps: Sequence[Stamp]) -> Floats:
    """Add short shapes at their places; each is evaluated only where it reaches."""
    canvas = np.zeros(clock.times_s.size)
    for stamp in stamps:
        ends = (stamp.at_s - stamp.reach_s, stamp.at_s + stamp.reach_s)
        first, last = np.searchsorted(clock.times_s, ends)
        local = clock.times_s[first:last] - stamp.at_s
        canvas[first:last] += stamp.height * stamp.shape(local)
    return canvas


def unit(whitened: Floats) -> Floats:
    """Scale to unit energy, that is, to a signal-to-noise ratio of one."""
    return whitened / float(np.sqrt(np.sum(whitened**2)))
