"""Low blips: Tomtes, which are gnomes' hats, and low-frequency blips.

About half of each are bells in the logarithm of the frequency. That is the model of
Bondarescu, Lundgren and Macas (2023), and the spreads here are those of its fits to
O3's glitches of L1, published as github.com/andrew-lundgren/antiglitch: 98 Tomtes and
143 low-frequency blips, by Gravity Spy's labels. Neither can be told by its spectrum
alone: low-frequency blips are fainter.
"""

import numpy as np

from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.detectors import Floats
from gspy_cli.simulate.pulses import gaussian, log_bell, pulse, sine_gaussian, unit
from gspy_cli.simulate.waveform import Waveform, log_uniform, lognormal, sign, snr


def tomte(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a triangle like a gnome's hat, wide at 20 Hz, narrow at its tip."""
    kind = str(rng.choice(["hat", "bell"]))
    shape = _hat(rng, clock) if kind == "hat" else _tomte_bell(rng, clock)
    for _ in range(rng.choice([0, 0, 0, 1, 2])):  # crumbs beside the base
        at, f0 = sign(rng) * rng.uniform(0.04, 0.13), rng.uniform(28, 70)
        crumb = unit(sine_gaussian(clock.times_s - at, f0, rng.uniform(0.008, 0.02)))
        shape = shape + rng.uniform(0.08, 0.25) * crumb
    rho = lognormal(rng, 16, 0.5, low=8, high=65)
    return Waveform(shape, snr(rho), {"kind": kind})


def _hat(rng: np.random.Generator, clock: Clock) -> Floats:
    """Draw a slow pulse with a sharp tip."""
    t = clock.times_s
    slow, fast = log_uniform(rng, 0.0042, 0.0105), log_uniform(rng, 0.0016, 0.0042)
    base = unit(clock.whiten(gaussian(t - rng.normal(0, 0.002), slow)))
    tip = unit(clock.whiten(pulse(t, fast, fast * lognormal(rng, 1, 0.2))))
    return base + rng.uniform(0.35, 1.1) * tip


def _tomte_bell(rng: np.random.Generator, clock: Clock) -> Floats:
    f0 = lognormal(rng, 15.5, 0.22, low=10.5, high=28)
    gamma = lognormal(rng, 2.2 * (f0 / 15.5) ** 1.65, 0.3, low=0.8, high=8)
    return log_bell(clock, f0, gamma, bell_phase(rng))


def blip_low_frequency(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a faint, low blip or triangle between about 20 and 90 Hz."""
    kinds = {"bell": _low_bell, "triangle": _low_triangle, "drop": _low_drop}
    kind = str(rng.choice(list(kinds), p=[0.45, 0.25, 0.3]))
    rho = min(7.7 + rng.exponential(2.6), 22)
    return Waveform(kinds[kind](rng, clock), snr(rho), {"kind": kind})


def _low_bell(rng: np.random.Generator, clock: Clock) -> Floats:
    f0 = lognormal(rng, 20.5, 0.3, low=11, high=42)
    gamma = lognormal(rng, 2.6 * (f0 / 20.5) ** 0.6, 0.55, low=0.9, high=7.5)
    return log_bell(clock, f0, gamma, bell_phase(rng))


def bell_phase(rng: np.random.Generator) -> float:
    """Draw the phase of a bell: most are nearly even about their middle."""
    if rng.random() < 0.2:
        return float(rng.uniform(0, 2 * np.pi))
    return float(rng.normal(0.3, 0.25))


def _low_triangle(rng: np.random.Generator, clock: Clock) -> Floats:
    """Draw a small Tomte: both its pulses are slow."""
    t = clock.times_s
    late = t - rng.normal(0, 0.001)
    base = unit(clock.whiten(gaussian(late, rng.uniform(0.006, 0.01))))
    tip = rng.uniform(0.005, 0.0075)
    return unit(base + rng.uniform(0.2, 0.9) * unit(clock.whiten(gaussian(t, tip))))


def _low_drop(rng: np.random.Generator, clock: Clock) -> Floats:
    """Draw a low blip, often with a narrower upper part; half of them are squat."""
    t = clock.times_s
    squat = rng.random() < 0.5
    f0 = rng.uniform(28, 44) if squat else rng.uniform(34, 54)
    s = rng.uniform(0.3 if squat else 0.25, 0.41) / f0
    phase = rng.uniform(0, 2 * np.pi)
    shape = unit(sine_gaussian(t, f0, s, phase))
    if rng.random() < 0.55:  # its upper part is narrower
        tip = sine_gaussian(t - rng.normal(0, 0.002), 1.5 * f0, 0.6 * s, phase)
        shape += rng.uniform(0.15, 0.45) * unit(tip)
    if rng.random() < 0.2:  # leaning: a later, lower part
        lag = rng.uniform(-0.012, 0.012)
        shape += rng.uniform(0.2, 0.5) * unit(sine_gaussian(t - lag, 0.8 * f0, 1.2 * s))
    return unit(shape)
