"""Scattered light: arches whose height is the speed of a mirror.

Light scattered back from a moving surface x(t) adds a phase 4 pi x / lambda, so its
fringe frequency is 2 |dx/dt| / lambda (Accadia 2010, Soni 2020, Udall & Davis 2023).
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.detectors import Floats
from gspy_cli.simulate.pulses import (
    Stamp,
    band_noise,
    flat_top,
    gaussian,
    pulse_train,
    sine_gaussian,
    sweep,
    unit,
    walk,
)
from gspy_cli.simulate.waveform import (
    Facts,
    Waveform,
    log_uniform,
    lognormal,
    peak,
    sign,
)


def _fade(fringe_hz: Floats) -> Floats:
    """Fade out below 10 Hz, where the whitened noise drowns everything."""
    return np.clip((np.abs(fringe_hz) - 7) / 3, 0, 1)


@dataclass(frozen=True, slots=True)
class _Surface:
    """A swinging surface: its fringe at full speed, and its brightest harmonic."""

    swing_hz: float
    base_hz: float
    loudest: int
    highest: int
    span_s: float
    fall: float  # of the others, in decades for each harmonic away from it


def scattered_light(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make stacked shallow arches: harmonics of a slowly swinging surface."""
    kind = str(rng.choice(["stack", "rungs", "arches"], p=[0.45, 0.2, 0.35]))
    makers = {"stack": _stack, "rungs": _rungs, "arches": _single_arches}
    surface = makers[kind](rng)
    surfaces = 2 if rng.random() < 0.3 else 1
    centre = rng.normal(0, 0.15)
    total = np.zeros(clock.times_s.size)
    for k in range(surfaces):
        factor = 1.0 if k == 0 else rng.uniform(1.06, 1.5)
        one = replace(surface, base_hz=surface.base_hz * factor)
        total += _arches(rng, clock, one, centre)
        centre += rng.normal(0, 0.5)
    facts: Facts = {
        "kind": kind,
        "swing_hz": surface.swing_hz,
        "fringe_hz": surface.base_hz,
        "surfaces": surfaces,
    }
    energy = peak(log_uniform(rng, 16, 350))
    return Waveform(total, energy, facts, jitter_s=0.15)


def _stack(rng: np.random.Generator) -> _Surface:
    """Keep the fundamental low, at 8.5 to 16 Hz; the second is the brightest."""
    return _Surface(
        swing_hz=rng.uniform(0.07, 0.28),
        base_hz=rng.uniform(8.5, 16),
        loudest=2,
        highest=2 + int(rng.integers(2, 6)),
        span_s=log_uniform(rng, 0.3, 2.0),
        fall=rng.uniform(0.1, 0.5) if rng.random() < 0.85 else rng.uniform(0.5, 1),
    )


def _rungs(rng: np.random.Generator) -> _Surface:
    """Crowd many rungs; one high up is the brightest (seen in O3, H1)."""
    loudest = int(rng.integers(3, 8))
    return _Surface(
        swing_hz=rng.uniform(0.07, 0.25),
        base_hz=rng.uniform(5, 11),
        loudest=loudest,
        highest=loudest + int(rng.integers(0, 4)),
        span_s=log_uniform(rng, 0.4, 1.5),
        fall=rng.uniform(0.0, 0.15),
    )


def _single_arches(rng: np.random.Generator) -> _Surface:
    """Show one arch, or few, of a surface that moves further or faster."""
    return _Surface(
        swing_hz=log_uniform(rng, 0.07, 0.45),
        base_hz=log_uniform(rng, 20, 60),
        loudest=1,
        highest=1 + int(rng.choice(4, p=[0.35, 0.35, 0.2, 0.1])),
        span_s=log_uniform(rng, 0.3, 3.0),
        fall=rng.uniform(0.05, 0.7),
    )


def _arches(
    rng: np.random.Generator, clock: Clock, surface: _Surface, centre_s: float
) -> Floats:
    """Draw harmonics of one surface; some swings are skewed by a second motion."""
    t = clock.times_s - centre_s
    second = rng.uniform(0, 0.25) if rng.random() < 0.5 else 0.0
    lean = rng.uniform(0, 2 * np.pi)
    speed = np.cos(2 * np.pi * surface.swing_hz * t)
    speed = speed + second * np.cos(4 * np.pi * surface.swing_hz * t + lean)
    ragged, lumpy = rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.6)
    total = np.zeros(t.size)
    for n in range(1, surface.highest + 1):
        height = 10 ** (-surface.fall * abs(n - surface.loudest))
        height *= lognormal(rng, 1, ragged)
        fringe = n * surface.base_hz * speed
        wave = sweep(clock, fringe, rng.uniform(0, 6)) * _fade(fringe)
        lumps = np.exp(lumpy * walk(rng, clock, memory_s=rng.uniform(0.3, 0.8)))
        total += height * wave * lumps
    return total * gaussian(t, surface.span_s)


def fast_scattering(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a row of small arches, four a second, in groups set by the microseism.

    Those of 2 Hz and 3.3 Hz are rarer (Soni 2021, 2024).
    """
    t = clock.times_s
    surface_hz = rng.normal(2.07, 0.07)
    if rng.random() < 0.25:
        surface_hz = rng.choice([1.0, 1.65, rng.uniform(1.0, 2.6)])
    fast, slow = rng.uniform(17, 36), rng.uniform(2, 14)
    slow_hz, phase = rng.uniform(0.12, 0.35), rng.uniform(0, 2 * np.pi)
    size = 1 + 0.15 * walk(rng, clock, memory_s=1.0)
    fringe = fast * size * np.cos(2 * np.pi * surface_hz * t)
    fringe += slow * np.cos(2 * np.pi * slow_hz * t + phase)
    # each arch is a blob of its own, the brighter the higher it reaches
    wall, reach = rng.uniform(6, 14), rng.uniform(8, 22)
    gain = np.clip((np.abs(fringe) - wall) / reach, 0, 1) ** rng.uniform(0.8, 2.5)
    drift = rng.uniform(0.2, 1.2) * walk(rng, clock, memory_s=0.25)
    wave = np.cos(drift) * sweep(clock, fringe)
    wave += np.sin(drift) * sweep(clock, fringe, np.pi / 2)
    wave *= gain * _groups(rng, clock, 0.5 / surface_hz)
    lasting = rng.random() < 0.25
    if not lasting:
        wave *= gaussian(t - rng.normal(0, 0.4), log_uniform(rng, 0.3, 2.5))
    facts = {"surface_hz": float(surface_hz), "fringe_hz": fast + slow}
    energy = peak(log_uniform(rng, 22, 350))
    return Waveform(wave, energy, facts, jitter_s=0.01, lasts=lasting)


def _groups(rng: np.random.Generator, clock: Clock, arch_s: float) -> Floats:
    """Let some arches, and groups of them, outshine the rest."""
    every_s, start = rng.uniform(1.2, 2.6), rng.uniform(0, 2 * np.pi)
    groups = rng.uniform(0, 1.6) * np.cos(2 * np.pi * clock.times_s / every_s + start)
    single = rng.uniform(0.2, 0.9) * walk(rng, clock, memory_s=arch_s)
    return np.exp(groups + single)


def scratchy(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a grassy row of small ticks: a baffle swinging at 9 to 13 Hz, mostly.

    Each half swing is one tick, a short arch; phases differ from tick to tick.
    """
    common = rng.random() < 0.65
    spacing = rng.uniform(0.04, 0.054) if common else log_uniform(rng, 0.03, 0.1)
    centre_hz = log_uniform(rng, 75, 280)
    span = log_uniform(rng, 0.3, 3)
    lasting = rng.random() < 0.3
    beat_hz, beat = rng.uniform(0.8, 2.6), rng.uniform(0, 6)
    swing, depth = rng.uniform(0.03, 0.3), rng.uniform(0.2, 1.0)
    width = rng.uniform(0.09, 0.17) * spacing
    stamps = []
    for at in np.arange(-8, 8, spacing):
        phase = 2 * np.pi * beat_hz * at + beat
        f0 = centre_hz * (1 + swing * np.sin(phase) + rng.normal(0, 0.06))
        height = np.clip(1 + depth * np.sin(phase), 0, 2) * lognormal(rng, 1, 0.18)
        if not lasting:
            height *= np.exp(-0.5 * (at / span) ** 2)
        shape = partial(_tick, f0=f0, s=width, phase=rng.uniform(0, 6))
        late = at + rng.normal(0, 0.04) * spacing
        stamps.append(Stamp(late, height, 5 * width, shape))
    facts = {"spacing_s": spacing, "frequency_hz": centre_hz}
    wave, energy = pulse_train(clock, stamps), peak(log_uniform(rng, 19, 120))
    return Waveform(wave, energy, facts, jitter_s=0.05, lasts=lasting)


def _tick(t: Floats, *, f0: float, s: float, phase: float) -> Floats:
    """One arch: its frequency is highest in its middle."""
    cycles = f0 * (t - (t / s) ** 2 * t * 0.03)
    return gaussian(t, s) * np.cos(2 * np.pi * cycles + phase)


def low_frequency_burst(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make humps that hug the bottom edge, 10 to 30 Hz and sometimes to 60 Hz."""
    makers = [_humps, _lone_dome, _mound]
    return makers[rng.choice(3, p=[0.4, 0.3, 0.3])](rng, clock)


def _humps(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Output mirrors that swing at some 1.6 Hz and scatter."""
    t = clock.times_s
    swing_hz, top_hz = rng.normal(1.65, 0.25), rng.uniform(11, 20)
    size = np.maximum(1 + 0.4 * walk(rng, clock, memory_s=rng.uniform(0.25, 0.8)), 0.8)
    late = 0.8 * walk(rng, clock, memory_s=0.4)
    fringe = top_hz * size * np.cos(2 * np.pi * swing_hz * t + late)
    envelope = gaussian(t - rng.normal(0, 0.1), log_uniform(rng, 0.1, 1.0))
    wave = sweep(clock, fringe, rng.uniform(0, 6)) * envelope * _fade(fringe)
    energy = peak(log_uniform(rng, 25, 600))
    return Waveform(wave, energy, {"kind": "humps"}, jitter_s=0.06)


def _lone_dome(rng: np.random.Generator, clock: Clock) -> Waveform:
    """One short cycle or two at the bottom edge."""
    t = clock.times_s
    total = np.zeros(t.size)
    for k in range(1 + int(rng.poisson(0.5))):
        at = 0.0 if k == 0 else sign(rng) * rng.uniform(0.12, 0.8)
        f0, s = rng.uniform(9, 16), log_uniform(rng, 0.028, 0.095)
        total += rng.uniform(0.4, 1) * sine_gaussian(t - at, f0, s, rng.uniform(0, 6))
    energy = peak(log_uniform(rng, 25, 1500))
    return Waveform(total, energy, {"kind": "dome"}, jitter_s=0.04)


def _mound(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a second or two of low-frequency noise, higher in its middle."""
    t = clock.times_s
    length = log_uniform(rng, 0.15, 0.9)
    top = rng.uniform(22, 62)
    # shells of noise: the higher a shell, the shorter it lasts
    total = np.zeros(t.size)
    for low, high, span, weight in (
        (9, 0.45 * top, 1.8, 1.0),
        (0.4 * top, 0.75 * top, 1.0, 0.7),
        (0.7 * top, top, 0.5, 0.5),
    ):
        noise = band_noise(rng, clock, low, max(high, low + 2))
        edge = span * length * rng.uniform(0.7, 1.3)
        shift = rng.normal(0, 0.15 * length)
        total += weight * noise * flat_top(t - shift, -edge, edge, edge)
    if rng.random() < 0.4:  # a low foot goes on for a second or two
        foot = band_noise(rng, clock, 9, rng.uniform(13, 19))
        stop = rng.uniform(0.8, 2.5)
        total += rng.uniform(0.3, 0.8) * foot * flat_top(t, -length, stop, 0.3)
    total = unit(total * np.exp(0.3 * walk(rng, clock, memory_s=0.1)))
    energy = peak(log_uniform(rng, 40, 1500))
    return Waveform(total, energy, {"kind": "mound"}, jitter_s=0.1)
