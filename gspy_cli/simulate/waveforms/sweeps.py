"""Sweeps: mergers, beat notes and paired doves."""

from dataclasses import replace

import numpy as np

from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.detectors import Floats
from gspy_cli.simulate.pulses import flat_top, sweep, unit, walk
from gspy_cli.simulate.waveform import Waveform, log_uniform, lognormal, peak, sign, snr

DOVE_REACH_S = 0.5
SOLAR_MASS_S = 4.925491e-6  # G M / c^3 of the sun


def chirp(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a compact binary merger: a rise in frequency that ends abruptly."""
    kinds = {  # masses; median, spread and least SNR: the longer, the more to be seen
        "heavy": (16, 56, 21, 0.42, 11),
        "giant": (48, 75, 21, 0.4, 11),
        "light": (4, 18, 25, 0.5, 15),
        "star": (1.2, 3, 38, 0.3, 22),
    }
    kind = str(rng.choice(list(kinds), p=[0.76, 0.06, 0.12, 0.06]))
    low, high, median, spread, least = kinds[kind]
    m1 = rng.uniform(low, high)
    m2 = m1 * rng.uniform(0.4, 1)
    m1, m2 = m1 * rng.uniform(1, 1.15), m2 * rng.uniform(1, 1.15)
    strain = merger(clock, m1, m2)
    rho = lognormal(rng, median, spread, low=least, high=80)
    facts = {"mass_1": m1, "mass_2": m2}
    return Waveform(unit(clock.whiten(strain)), snr(rho), facts, jitter_s=0.008)


def merger(clock: Clock, m1: float, m2: float) -> Floats:
    """Give a Newtonian inspiral, its merger at time zero, and the ringdown.

    Masses in solar masses, seen from the detector. The wave is loudest at M omega =
    0.36 and then climbs to the ringdown of a final spin of 0.68 (Berti, Cardoso and
    Will 2006) as its amplitude falls like a hyperbolic secant (McWilliams 2019).
    """
    t = clock.times_s
    total = (m1 + m2) * SOLAR_MASS_S
    chirp_mass = (m1 * m2) ** 0.6 / (m1 + m2) ** 0.2 * SOLAR_MASS_S
    peak_hz, ring_hz = 0.36 / (2 * np.pi * total), 0.084 / total
    fall_s = 3.3 / (np.pi * ring_hz)
    orbit = (5 / (256 * np.maximum(-t, 1e-5))) ** 0.375 * chirp_mass**-0.625 / np.pi
    late = np.maximum(t, 0) / fall_s
    climb = (ring_hz**4 - peak_hz**4) * np.tanh(late)
    after = (peak_hz**4 + climb) ** 0.25
    before = (orbit**-3.0 + peak_hz**-3.0) ** (-1 / 3)
    frequency = np.where(t < 0, before, after)
    envelope = before ** (2 / 3) / np.cosh(np.minimum(late, 300))
    wave = sweep(clock, frequency) * flat_top(t, t[0] + 0.5, t[-1], 0.5)
    return np.asarray(envelope * wave)


def whistle(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a radio-frequency beat note: U, V, W or one branch (Nuttall 2015).

    A fast V crosses zero within milliseconds: its foot is as bright as a blip's, and
    only above some hundred hertz its legs part.
    """
    kinds = ["U", "W", "V", "fast V", "branch", "hook"]
    kind = str(rng.choice(kinds, p=[0.28, 0.23, 0.18, 0.1, 0.13, 0.08]))
    total = _beat(rng, clock, kind, 0.0)
    others = 0 if rng.random() < 0.65 else 1 + int(rng.poisson(0.5))
    for _ in range(others):
        other = str(rng.choice(["U", "W", "V"]))
        lag = sign(rng) * rng.uniform(0.3, 1.8)
        total = total + rng.uniform(0.4, 1) * _beat(rng, clock, other, lag)
    energy = log_uniform(rng, 17, 60)
    if rng.random() < (0.6 if kind == "fast V" else 0.2):
        energy *= log_uniform(rng, 1, 40)
    return Waveform(total, peak(energy), {"kind": kind}, jitter_s=0.02)


def _beat(rng: np.random.Generator, clock: Clock, kind: str, at: float) -> Floats:
    """Sweep an oscillator past the line; its phase stays smooth through zero."""
    t = clock.times_s - at
    beat = _beat_hz(rng, kind, t)
    beat = beat + rng.normal(0, 0.1) * np.mean(np.abs(beat[np.abs(t) < 0.2])) * t
    low_hz = 15.0 if kind == "fast V" else log_uniform(rng, 90, 400)
    slope_hz = 1.3 * low_hz
    high = np.abs(beat)
    gain = np.clip((high - low_hz) / slope_hz, 0, 1)
    gain *= np.clip((3600 - high) / 400, 0, 1)
    roll = (1 + high / rng.uniform(800, 4000)) ** rng.uniform(-0.7, 0.3)
    wave = sweep(clock, np.clip(beat, -3900, 3900), rng.uniform(0, 6)) * gain * roll
    return wave * np.exp(0.2 * walk(rng, clock, memory_s=0.1))


def _beat_hz(rng: np.random.Generator, kind: str, t: Floats) -> Floats:
    """Give the oscillator's distance from the line, in hertz with its sign."""
    if kind == "U":
        return rng.uniform(300, 1800) + log_uniform(rng, 5e3, 2.5e5) * t**2
    if kind == "W":
        return -rng.uniform(200, 2000) + log_uniform(rng, 6e3, 1.6e5) * t**2
    if kind == "hook":  # bends on one side of its vertex only
        bend = np.where(t * sign(rng) > 0, log_uniform(rng, 2e4, 4e5), 3e3)
        return rng.uniform(300, 1500) + bend * t**2
    if kind == "fast V":
        return sign(rng) * log_uniform(rng, 4e4, 1.6e5) * t
    near = kind == "V"
    cross = rng.uniform(-0.05, 0.05) if near else sign(rng) * rng.uniform(0.1, 0.55)
    slope = log_uniform(rng, 4e3 if near else 1.5e3, 6e4)
    beat = slope * (t - cross) + rng.normal(0, 0.3) * slope * (t - cross) ** 2
    return beat if near else np.where((t - cross) * -cross > 0, beat, 5e3)


def paired_doves(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make streaks that lean right and left in turn, some 1.2 s apart."""
    period, rate = rng.uniform(0.95, 1.4), clock.sample_rate_hz
    low, high = rng.uniform(17, 29), rng.uniform(60, 115)
    parity = int(rng.integers(0, 2))
    span = rng.uniform(0.08, 0.22)
    total = np.zeros(clock.times_s.size)
    near = np.abs(clock.times_s) < DOVE_REACH_S
    sky, first = replace(clock, times_s=clock.times_s[near]), int(near.argmax())
    for k in range(-5, 6):
        at = k * period + (rng.normal(0, 0.07) if k else 0.0)
        height = 1.0 if k == 0 else rng.uniform(0.6, 1.1)
        dove = _dove(rng, sky, low, high, span * rng.uniform(0.8, 1.25))
        if (k + parity) % 2:
            dove = dove[::-1]
        start = first + round(at * rate)
        if 0 <= start <= total.size - dove.size:
            total[start : start + dove.size] += height * dove
    facts = {"period_s": period, "low_hz": low, "high_hz": high}
    energy = peak(log_uniform(rng, 26, 300))
    return Waveform(total, energy, facts, jitter_s=0.01, lasts=rng.random() < 0.5)


def _dove(
    rng: np.random.Generator, clock: Clock, low: float, high: float, span: float
) -> Floats:
    """Draw one rising streak of one to four strands, and its faint mirror."""
    t = clock.times_s
    total = np.zeros(t.size)
    delay = rng.uniform(0.012, 0.035)
    for strand in range(int(rng.integers(1, 5))):
        u = (t - strand * delay) / span + 0.5
        curve = rng.uniform(0.7, 1.6)
        inside = np.clip(u, 0, 1)
        frequency = low * (high / low) ** (inside**curve)
        envelope = np.sin(np.pi * inside) ** 0.8
        wave = sweep(clock, frequency, rng.uniform(0, 6)) * envelope
        total += (1.0 if strand == 0 else rng.uniform(0.3, 0.9)) * wave
    u = np.clip(-t / span + 0.5, 0, 1)
    mirror = low * (high / low) ** u
    faint = sweep(clock, mirror, rng.uniform(0, 6)) * np.sin(np.pi * u) ** 0.8
    return total + rng.uniform(0, 0.6) * faint * (mirror < 1.6 * low)
