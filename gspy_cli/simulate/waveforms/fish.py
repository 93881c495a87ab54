"""Koi fish: loud blips, broad or slim, alone or in schools."""

import numpy as np

from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.detectors import Floats
from gspy_cli.simulate.pulses import (
    band_noise,
    gaussian,
    high_pass,
    pulse,
    sine_gaussian,
    unit,
)
from gspy_cli.simulate.waveform import (
    Facts,
    Waveform,
    log_uniform,
    lognormal,
    sign,
    snr,
)


def koi_fish(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a loud blip; whitening with strong lines draws the fins.

    Of 172 in the training set none has a tile of SNR above 420: louder ones have
    another name, Extremely_Loud. Of these here some in a hundred have one.
    """
    if rng.random() < 0.25:
        return _slim_fish(rng, clock)
    rho = lognormal(rng, 125, 0.8, low=42, high=650)
    shape = _fish(rng, clock)
    school = _school(rng) if rng.random() < 0.32 else []
    young = [_fish(rng, clock) for _ in school[:2]]
    shape = _joined(shape, young, school, clock)
    if rng.random() < 0.5:
        shape = shape + log_uniform(rng, 0.03, 0.8) * fins(rng, clock)
    if rng.random() < 0.5:  # a yellow band from edge to edge, and a hazy curtain
        rho = min(rho * rng.uniform(1.2, 4), 900)
        shape = shape + log_uniform(rng, 0.25, 1.5) * _ringing(rng, clock)
        shape = shape + log_uniform(rng, 0.01, 0.12) * _curtain(rng, clock)
    if rng.random() < 0.35:  # no brighter on a louder fish
        shape = shape + 60 / rho * _haze(rng, clock)
    facts: Facts = {"kind": "broad", "spikes": 1 + len(school)}
    return Waveform(shape, snr(rho), facts)


def _fish(rng: np.random.Generator, clock: Clock) -> Floats:
    t = clock.times_s
    tau = log_uniform(rng, 0.3e-3, 3e-3)
    late = t - rng.normal(0, 0.003)
    if rng.random() < 0.2:  # a round head that stays off the bottom edge
        f0 = rng.uniform(32, 60)
        body = sine_gaussian(late, f0, rng.uniform(0.3, 0.6) / f0, rng.uniform(0, 6))
    else:
        body = clock.whiten(gaussian(late, log_uniform(rng, 0.005, 0.02)))
    spike = clock.whiten(pulse(t, tau, tau * lognormal(rng, 1, 0.2)))
    return unit(unit(spike) + sign(rng) * rng.uniform(0.15, 0.8) * unit(body))


def _slim_fish(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make one as of L1 in O3: a tall spear on a small foot, from 14 to 22 Hz up.

    In a third of them the foot is a stack of rungs, the lower the wider.
    """
    t = clock.times_s
    edge = rng.uniform(14, 22)
    if rng.random() < 0.33:
        foot = 2 * unit(_rungs(rng, clock, edge))
    else:
        late = t - rng.normal(0, 0.003)
        foot = unit(clock.whiten(gaussian(late, rng.uniform(0.006, 0.02))))
    tau = log_uniform(rng, 0.4e-3, 4.5e-3)
    spear = clock.whiten(pulse(t, tau, tau * lognormal(rng, 1, 0.2)))
    shape = unit(spear) + sign(rng) * rng.uniform(0.3, 1.2) * foot
    fry = _school(rng) if rng.random() < 0.45 else []
    shape = high_pass(clock, shape, edge, 12)
    total = _joined(shape, [shape], fry, clock)
    if rng.random() < 0.5:
        total = total + rng.uniform(0.3, 1) * _haze(rng, clock)
    rho = lognormal(rng, 60, 0.6, low=28, high=400)
    facts: Facts = {"kind": "slim", "spikes": 1 + len(fry)}
    return Waveform(total, snr(rho), facts)


def _rungs(rng: np.random.Generator, clock: Clock, lowest: float) -> Floats:
    """Stack three to six lumps, from `lowest` hertz up, each shorter than the last."""
    t = clock.times_s
    total = np.zeros(t.size)
    f0, length = lowest * rng.uniform(1.1, 1.4), rng.uniform(0.05, 0.14)
    for _ in range(rng.integers(3, 7)):
        height, phase = rng.uniform(0.5, 1), rng.uniform(0, 6)
        total += height * unit(sine_gaussian(t, f0, length, phase))
        f0 *= rng.uniform(1.3, 1.6)
        length *= rng.uniform(0.55, 0.8)
    return total


def _school(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Place one to five smaller fish within a second or so: times and heights."""
    side, count = sign(rng), int(rng.integers(1, 6))
    one_sided = rng.random() < 0.4
    least = 0.3 if rng.random() < 0.3 else 0.06  # of some, all are nearly as tall
    return [
        (
            (side if one_sided else sign(rng)) * log_uniform(rng, 0.05, 1.4),
            log_uniform(rng, least, 1.0),
        )
        for _ in range(count)
    ]


def _joined(
    shape: Floats, young: list[Floats], school: list[tuple[float, float]], clock: Clock
) -> Floats:
    """Add the young, in turn, at their places in a school."""
    for k, (at, height) in enumerate(school):
        lag = round(at * clock.sample_rate_hz)
        shape = shape + height * np.roll(young[k % len(young)], lag)
    return shape


def _haze(rng: np.random.Generator, clock: Clock) -> Floats:
    """Draw up to two discs on the spike, as of L1 in O3: compact balls or haze."""
    t = clock.times_s
    total = np.zeros(t.size)
    for f0 in (rng.uniform(75, 130), rng.uniform(450, 1000)):
        if rng.random() < 0.4:
            continue
        if rng.random() < 0.5:
            disc = sine_gaussian(t, f0, rng.uniform(0.01, 0.05))
        else:
            noise = band_noise(rng, clock, 0.78 * f0, 1.25 * f0)
            disc = noise * gaussian(t, log_uniform(rng, 0.03, 0.13))
        total += log_uniform(rng, 0.05, 0.3) * unit(disc)
    return total


def fins(rng: np.random.Generator, clock: Clock) -> Floats:
    """Ring at the detector's resonances, 28 to 65 Hz, before and after the pulse."""
    t = clock.times_s
    reach = rng.uniform(0.03, 0.16)
    rings = np.zeros(t.size)
    for _ in range(rng.integers(1, 5)):
        tone = np.cos(2 * np.pi * rng.uniform(28, 65) * t + rng.uniform(0, 6))
        tone *= rng.uniform(0.3, 1)
        rings += tone * pulse(t, reach, reach * rng.uniform(0.5, 1.3))
    return unit(rings)


def _ringing(rng: np.random.Generator, clock: Clock) -> Floats:
    """Ring at many resonances of 16 to 80 Hz for some tenths of a second."""
    t = clock.times_s
    rings = np.zeros(t.size)
    for _ in range(rng.integers(4, 14)):
        reach = log_uniform(rng, 0.04, 0.45)
        tone = np.cos(2 * np.pi * rng.uniform(16, 80) * t + rng.uniform(0, 6))
        rings += rng.uniform(0.2, 1) * tone * pulse(t, reach)
    return unit(rings)


def _curtain(rng: np.random.Generator, clock: Clock) -> Floats:
    """Noise of 100 to 700 Hz about the pulse: what whitening leaves of its lines."""
    noise = band_noise(rng, clock, rng.uniform(90, 220), rng.uniform(350, 700))
    return unit(noise * pulse(clock.times_s, log_uniform(rng, 0.03, 0.15)))
