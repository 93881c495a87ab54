"""Narrow features: lines, dashes and resonances."""

from functools import partial

import numpy as np

from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.detectors import Floats
from gspy_cli.simulate.pulses import (
    Stamp,
    band_noise,
    flat_top,
    gaussian,
    pulse,
    pulse_train,
    sine_gaussian,
    sweep,
    walk,
)
from gspy_cli.simulate.waveform import Facts, Waveform, log_uniform, peak, sign


def line_1080(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a dotted line near 1080 Hz that swells and fades."""
    centre, width = rng.normal(1080, 12), log_uniform(rng, 25, 120)
    noise = band_noise(rng, clock, centre - width / 2, centre + width / 2)
    # dots that differ less in brightness than those of Gaussian noise
    noise = np.tanh(rng.uniform(0.4, 1.8) * noise / float(np.std(noise)))
    gaps = walk(rng, clock, memory_s=log_uniform(rng, 0.02, 0.06))
    noise *= np.exp(rng.uniform(0, 0.6) * gaps)
    # a row that goes on is whitened away
    rest = rng.uniform(0.1, 0.5) if rng.random() < 0.3 else 0.0
    envelope = gaussian(clock.times_s, log_uniform(rng, 0.2, 0.9))
    shape = noise * (rest + (1 - rest) * envelope)
    facts = {"frequency_hz": centre, "width_hz": width}
    return Waveform(shape, peak(log_uniform(rng, 19, 140)), facts, jitter_s=0.05)


def ripples_1400(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a short thick dash near 1500 Hz."""
    t = clock.times_s
    f0 = rng.normal(1520, 18) if rng.random() < 0.85 else rng.uniform(1380, 1600)
    s = log_uniform(rng, 0.006, 0.045)
    shape = sine_gaussian(t, f0, s)
    if rng.random() < 0.5:
        late = t - sign(rng) * rng.uniform(0.03, 0.1)
        shape += rng.uniform(0.2, 0.8) * sine_gaussian(late, f0 + rng.normal(0, 8), s)
    if rng.random() < 0.3:
        late = t - sign(rng) * rng.uniform(0.6, 1.9)
        shape += rng.uniform(0.3, 1) * sine_gaussian(late, f0 + rng.normal(0, 8), s)
    if rng.random() < 0.35:
        shape += rng.uniform(0.2, 0.6) * sine_gaussian(t, rng.uniform(1940, 2040), s)
    energy = peak(log_uniform(rng, 18, 90))
    return Waveform(shape, energy, {"frequency_hz": f0, "width_s": s})


def air_compressor(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a flat fat bar near 50 Hz that may bend upward at its end."""
    t = clock.times_s
    f0, s = rng.normal(49, 2), log_uniform(rng, 0.03, 0.12)
    slope = rng.normal(8, 20) if rng.random() < 0.2 else max(0.0, rng.normal(8, 20))
    slope *= min(1.0, 0.07 / s)
    bar = gaussian(t, s) * sweep(clock, f0 + slope * np.clip(t, -3 * s, 3 * s))
    if rng.random() < 0.5:
        tail = sine_gaussian(t - rng.uniform(0.08, 0.3), rng.uniform(50, 57), 0.07)
        bar += rng.uniform(0.1, 0.35) * tail
    if rng.random() < 0.4:
        shadow = sine_gaussian(t - rng.normal(0, 0.1), rng.uniform(15, 32), 0.04)
        bar += rng.uniform(0.1, 0.3) * shadow
    facts = {"frequency_hz": f0, "width_s": s}
    return Waveform(bar, peak(log_uniform(rng, 18, 110)), facts, jitter_s=0.01)


def power_line(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a thin stripe at the mains frequency or near it."""
    t = clock.times_s
    choices = [
        rng.normal(60, 0.5),
        rng.normal(65.2, 0.4),
        rng.uniform(61, 70),
        rng.uniform(76, 84),
        rng.choice([120.0, 180.0]),
    ]
    f0 = float(choices[rng.choice(5, p=[0.5, 0.33, 0.1, 0.04, 0.03])])
    s = log_uniform(rng, 0.065, 0.28)
    kind = rng.choice(["bell", "fall", "flat"], p=[0.5, 0.25, 0.25])
    envelope = {
        "bell": gaussian(t, s),
        "fall": pulse(t, 0.2 * s, 1.3 * s),
        "flat": flat_top(t, -1.5 * s, 1.5 * s, 0.6 * s),
    }[str(kind)]
    tone = envelope * sweep(clock, f0, rng.uniform(0, 6))
    if rng.random() < 0.35:  # bow tie: the line's phase jumps in the middle
        tone *= np.cos(np.pi * rng.uniform(0.4, 1) * (np.tanh(t / 0.03) + 1) / 2)
    if rng.random() < 0.2:
        harmonic = float(rng.choice([2, 3])) * f0
        tone += rng.uniform(0.2, 0.5) * envelope * sweep(clock, harmonic)
    facts = {"frequency_hz": f0, "width_s": s}
    return Waveform(tone, peak(log_uniform(rng, 16, 80)), facts, jitter_s=0.03)


def low_frequency_lines(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make thin horizontal lines at 10 to 20 Hz, some of them wavy or broken."""
    f0 = rng.uniform(9.9, 11.6) if rng.random() < 0.7 else rng.uniform(11.5, 20)
    slope = rng.normal(0, 0.35)
    wavy = rng.uniform(0.1, 0.6) if rng.random() < 0.35 else 0.0
    span = log_uniform(rng, 0.35, 2.5)
    tone = _thin_line(rng, clock, f0, slope, wavy)
    tone *= gaussian(clock.times_s - rng.normal(0, 0.15), span)
    for _ in range(rng.choice(4, p=[0.6, 0.25, 0.1, 0.05])):
        other = _thin_line(rng, clock, f0 + rng.uniform(-2, 7), slope, wavy)
        late = gaussian(clock.times_s - rng.normal(0, 0.5), log_uniform(rng, 0.4, 2))
        tone += rng.uniform(0.2, 0.9) * other * late
    facts = {"frequency_hz": f0, "slope_hz_per_s": slope, "wavy_hz": wavy}
    return Waveform(tone, peak(log_uniform(rng, 17, 160)), facts, jitter_s=0.15)


def _thin_line(
    rng: np.random.Generator, clock: Clock, f0: float, slope: float, wavy: float
) -> Floats:
    """Draw a line that drifts, and wanders if `wavy`, in hertz."""
    wander = walk(rng, clock, memory_s=rng.uniform(0.4, 1.2))
    drift = slope * clock.times_s + wavy * wander
    tone = sweep(clock, f0 + drift, rng.uniform(0, 6))
    return tone * np.exp(rng.uniform(0, 0.4) * walk(rng, clock, memory_s=0.4))


def violin_mode(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make short bursts seen at the suspension fibres' resonances only."""
    long = rng.random() < 0.35  # the form of late O2: long dashes
    loudness = _mode_heights(rng)
    events = 1 + int(rng.poisson(1.5 if long else rng.uniform(1, 8)))
    places = np.concatenate([[0], rng.uniform(-2.5, 2.5, events - 1)])
    stamps, clouds = [], rng.random() < 0.6
    for k, at in enumerate(places):
        height = 1.0 if k == 0 else rng.uniform(0.35, 1)
        stamps += _burst(rng, float(at), height * loudness, long=long)
        if clouds:
            f0, s = rng.uniform(60, 150), rng.uniform(0.012, 0.03)
            stamps.append(_ball(rng, float(at), height * rng.uniform(0.05, 0.2), f0, s))
    if long and rng.random() < 0.5:  # as of L1 in O2: with a mass as long as its dashes
        f0, s = log_uniform(rng, 25, 45), log_uniform(rng, 0.02, 0.08)
        height = rng.uniform(0.2, 0.8) * np.sqrt(0.01 / s)
        stamps.append(_ball(rng, float(rng.normal(0, 0.02)), height, f0, s))
    if rng.random() < 0.35:
        at = float(rng.choice(places))
        for _ in range(rng.integers(1, 6)):
            f0, s = log_uniform(rng, 12, 140), log_uniform(rng, 0.015, 0.1)
            height = rng.uniform(0.05, 0.6) * np.sqrt(0.01 / s)
            stamps.append(_ball(rng, at + rng.normal(0, 0.03), height, f0, s))
    facts: Facts = {"bursts": events, "form": "long" if long else "short"}
    energy = peak(log_uniform(rng, 28, 110))
    return Waveform(pulse_train(clock, stamps), energy, facts, jitter_s=0.01)


def _mode_heights(rng: np.random.Generator) -> Floats:
    """Draw how bright each mode is; of faint bursts some show one or two only.

    A lone mode is rare, for it mostly is a Pizzicato, and one of the lower two: near
    1500 Hz it would be a 1400Ripples.
    """
    climb = rng.uniform(-0.2, 0.2) if rng.random() < 0.3 else rng.uniform(0.1, 0.5)
    heights = rng.uniform(0.75, 1.2, 4) * (1 + climb * np.arange(4))
    heights[rng.random(4) < 0.12] *= 0.2
    if rng.random() < 0.03:
        heights *= 0.25
        heights[rng.choice(4, p=[0.65, 0.35, 0, 0])] = 1.0
    return heights


def _burst(
    rng: np.random.Generator, at: float, heights: Floats, *, long: bool
) -> list[Stamp]:
    """One burst: at each resonance two or three lobes beside the notched line."""
    stamps = []
    for height, centre in zip(heights, (503, 1000, 1475, 1940), strict=True):
        reach = rng.uniform(0.004, 0.012) if long else rng.uniform(0.015, 0.08)
        lobes = int(rng.integers(2, 4))
        for side in rng.choice([-1.0, 1.0, 0.2], lobes, replace=False):
            s = log_uniform(rng, 0.02, 0.09) if long else log_uniform(rng, 0.006, 0.018)
            f0 = centre * (1 + side * reach)
            late = at + rng.normal(0, 0.3) * s
            size = height * rng.uniform(0.5, 1) * np.sqrt(0.01 / s)
            stamps.append(_ball(rng, late, size, f0, s))
    return stamps


def _ball(
    rng: np.random.Generator, at: float, height: float, f0: float, s: float
) -> Stamp:
    shape = partial(sine_gaussian, f0=f0, sigma=s, phase=rng.uniform(0, 2 * np.pi))
    return Stamp(at, height, 4 * s, shape)
