"""Blips, alone, repeated, and in Helix's chains."""

import numpy as np
from numpy.fft import irfft

from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.detectors import Floats
from gspy_cli.simulate.pulses import (
    Stamp,
    gaussian,
    high_pass,
    pulse,
    pulse_train,
    sine_gaussian,
    unit,
)
from gspy_cli.simulate.waveform import (
    Facts,
    Waveform,
    log_uniform,
    lognormal,
    peak,
    sign,
    snr,
)


def blip_shape(rng: np.random.Generator, clock: Clock) -> Floats:
    """Draw one blip, whitened: a lopsided pulse, some with a slower tail."""
    t = clock.times_s
    tau = lognormal(rng, 0.9e-3, 0.85, low=0.1e-3, high=4.5e-3)
    strain = pulse(t, tau, tau * lognormal(rng, 1, 0.25))
    if rng.random() < 0.4:
        strain *= np.cos(2 * np.pi * rng.uniform(0, 80) * t + rng.uniform(0, 6))
    if rng.random() < 0.45:
        lag = rng.uniform(-0.005, 0.015)
        strain += rng.uniform(-0.4, 0.6) * gaussian(t - lag, rng.uniform(0.008, 0.015))
    return unit(clock.whiten(strain))


def blip(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a symmetric teardrop, 30 to 500 Hz (Cabero et al. 2019).

    Whitened as in O1, half of the energy lies below 58 to 250 Hz in four of five; it is
    58 to 260 Hz for gengli's network, which has learnt from real blips (Lopez 2022).
    """
    rho = lognormal(rng, 19, 0.68, low=7.5, high=120)
    kinds = {
        "teardrop": (blip_shape, 120.0),
        "low": (_low_blip, 60.0),
        "necked": (_necked_blip, 28.0),
    }
    kind = str(rng.choice(list(kinds), p=[0.74, 0.14, 0.12]))
    draw, loudest = kinds[kind]
    return Waveform(draw(rng, clock), snr(min(rho, loudest)), {"kind": kind})


def _low_blip(rng: np.random.Generator, clock: Clock) -> Floats:
    """Draw a blip loudest at 50 to 140 Hz: narrower and higher than a Tomte."""
    t = clock.times_s
    f0 = log_uniform(rng, 50, 140)
    drop = unit(sine_gaussian(t, f0, rng.uniform(0.28, 0.48) / f0, rng.uniform(0, 6)))
    lag = rng.normal(0, 0.1) / f0
    tip = unit(sine_gaussian(t - lag, rng.uniform(1.6, 3) * f0, 0.3 / f0))
    return unit(drop + rng.uniform(0, 0.45) * tip)


def _necked_blip(rng: np.random.Generator, clock: Clock) -> Floats:
    """Draw a drop at 38 to 60 Hz with a neck to 150 Hz or more, but without a foot."""
    t = clock.times_s
    f0 = rng.uniform(38, 60)
    drop = unit(sine_gaussian(t, f0, rng.uniform(0.26, 0.36) / f0, rng.uniform(0, 6)))
    neck = sine_gaussian(t - rng.normal(0, 0.0015), rng.uniform(2, 3.2) * f0, 0.26 / f0)
    shape = drop + rng.uniform(0.3, 0.6) * unit(neck)
    return unit(high_pass(clock, shape, rng.uniform(22, 28), 8))


def repeating_blips(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Repeat a blip: evenly, in pairs, or at random."""
    kind = str(rng.choice(["even", "pairs", "random"], p=[0.42, 0.34, 0.24]))
    places = {"even": _even, "pairs": _pairs, "random": _random}[kind](rng)
    shape = blip_shape(rng, clock)
    total = shape.copy()
    spread = rng.uniform(0.05, 0.5)
    for at in places:
        other = shape if rng.random() < 0.7 else blip_shape(rng, clock)
        height = sign(rng) * float(np.clip(lognormal(rng, 0.85, spread), 0.4, 1.0))
        total += height * np.roll(other, round(at * clock.sample_rate_hz))
    rho = lognormal(rng, 27, 0.55, low=9.5, high=75) * float(np.sqrt(np.sum(total**2)))
    facts: Facts = {"repetition": kind, "members": 1 + len(places)}
    return Waveform(total, snr(rho), facts, lasts=kind == "random" or len(places) > 9)


def _even(rng: np.random.Generator) -> list[float]:
    period = float(rng.choice([0.25, 0.5, rng.uniform(0.1, 0.7)], p=[0.4, 0.4, 0.2]))
    before, after = rng.integers(0, 8, 2)
    if before + after == 0:
        after = 1
    steps = [k for k in range(-before, after + 1) if k]
    jitter = rng.choice([0.0, 0.004, 0.02])
    return [k * period + rng.normal(0, jitter) for k in steps]


def _pairs(rng: np.random.Generator) -> list[float]:
    gap = sign(rng) * log_uniform(rng, 0.04, 0.22)
    every = rng.uniform(0.4, 1.2)
    repeats = rng.choice([0, 0, 0, 1, 2, 4])
    firsts = [k * every for k in range(-repeats, repeats + 1)]
    return [at for first in firsts for at in (first, first + gap) if at != 0]


def _random(rng: np.random.Generator) -> list[float]:
    rate = log_uniform(rng, 1, 8)
    count = max(1, int(rng.poisson(rate * 10)))
    places = rng.uniform(-5, 5, count)
    near = [sign(rng) * log_uniform(rng, 0.06, 0.45)]  # so that no view shows only one
    return [float(at) for at in places if abs(at) > 0.03] + near


def helix(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make vertical chains of rings, repeated at random."""
    gap = rng.normal(1 / 128, 0.0005)
    if rng.random() < 0.25:
        gap = rng.uniform(0.006, 0.018)
    twisted = rng.random() < 0.85
    f0, crossings = 64 * rng.uniform(0.8, 1.25), 3 if rng.random() < 0.4 else 2

    def chain() -> Floats:
        if twisted:
            return _twist(rng, clock, f0 * rng.normal(1, 0.02), crossings)
        return _echoes(rng, clock, gap)

    first = chain()
    total = first.copy()
    places = rng.uniform(-4, 4, rng.poisson(8 * log_uniform(rng, 0.4, 4)))
    if rng.random() < 0.5:
        places = np.append(places, sign(rng) * rng.uniform(0.06, 0.24))
    for at in places:
        shape = first if rng.random() < 0.6 else chain()
        lag = round(at * clock.sample_rate_hz)
        total += rng.uniform(0.5, 1.0) * np.roll(shape, lag)
    kind: Facts = {"kind": "twist"} if twisted else {"kind": "echoes", "gap_s": gap}
    facts: Facts = {**kind, "chains": 1 + len(places)}
    return Waveform(total, peak(log_uniform(rng, 14, 60)), facts)


def _echoes(rng: np.random.Generator, clock: Clock, gap: float) -> Floats:
    """Two to four pulses too close to tell apart; their interference draws rings."""
    count = int(rng.choice([2, 3, 4], p=[0.5, 0.35, 0.15]))
    tau = rng.uniform(0.5e-3, 1.4e-3)
    flip = -1.0 if rng.random() < 0.2 else 1.0
    heights = rng.uniform(0.8, 1.0, count) * flip ** np.arange(count)
    if count == 3 and rng.random() < 0.5:
        heights[1] *= rng.uniform(-0.3, 0.5)
    stamps = [
        Stamp((k - (count - 1) / 2) * gap, float(h), 0.05, lambda t: pulse(t, tau))
        for k, h in enumerate(heights)
    ]
    return unit(clock.whiten(pulse_train(clock, stamps)))


def _twist(rng: np.random.Generator, clock: Clock, f0: float, crossings: int) -> Floats:
    """Two strands that cross once an octave, at `f0`, 2 `f0` and so on.

    The strands arrive at plus and minus (turns / f) sin(pi log2(f / f0)): the
    spectrum is a cosine of that delay's integral. A crossing is a bright node where
    the cosine is one; a quarter turn for each of `crossings` makes all of them so.
    """
    octave = np.log2(np.maximum(clock.frequencies_hz, 1.0) / f0)
    centre, breadth = rng.uniform(0.4, 1.5), rng.uniform(1.0, 1.8)
    level = np.exp(-0.5 * ((octave - centre) / breadth) ** 2)
    level /= np.sqrt(np.maximum(clock.frequencies_hz, 1.0))
    swing = np.pi / 2 * crossings * rng.normal(1, 0.06)
    angle = swing * (np.cos(np.pi * octave) + 1) + rng.normal(0, 0.15)
    spectrum = level * np.cos(angle) * np.exp(1j * rng.uniform(0, 6))
    return unit(np.fft.fftshift(irfft(spectrum, clock.times_s.size)))
