"""Lines whose frequency wanders."""

import numpy as np

from gspy_cli.simulate.clock import Clock
from gspy_cli.simulate.detectors import Floats
from gspy_cli.simulate.pulses import flat_top, sweep, walk
from gspy_cli.simulate.waveform import Facts, Waveform, log_uniform, lognormal, peak

Track = tuple[Floats, Floats]  # frequency in hertz, and a gate from 0 to 1


def wandering_line(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a line whose frequency wanders, saws, jumps or switches on and off."""
    makers = {
        "jitter": (_jitter, 0.3),
        "switched": (_switched, 0.25),
        "saw": (_saw, 0.2),
        "steady": (_steady, 0.1),
        "arches": (_excursions, 0.15),
    }
    kind = str(rng.choice(list(makers), p=[share for _, share in makers.values()]))
    frequency, gate = makers[kind][0](rng, clock)
    count = 1 if kind == "switched" or rng.random() < 0.5 else int(rng.integers(2, 5))
    power, phase = rng.uniform(0.3, 1.5), rng.uniform(0, 6)
    total = np.zeros(clock.times_s.size)
    for k in range(1, count + 1):
        total += k**-power * sweep(clock, k * frequency, phase) * (k * frequency < 3800)
    total *= gate * np.exp(rng.uniform(0.1, 0.5) * walk(rng, clock, memory_s=0.4))
    # a row divided by its mean hides what fills it for the whole minute
    start, stop = rng.uniform(-4, -0.4), rng.uniform(0.4, 4)
    total *= flat_top(clock.times_s, start, stop, 0.05)
    facts: Facts = {"kind": kind, "harmonics": count}
    energy = peak(log_uniform(rng, 17, 140))
    return Waveform(total, energy, facts, jitter_s=0.05)


def _jitter(rng: np.random.Generator, clock: Clock) -> Track:
    f0 = log_uniform(rng, 250, 1500)
    spread_hz = f0 * log_uniform(rng, 0.02, 0.2)
    slow = spread_hz * walk(rng, clock, memory_s=log_uniform(rng, 0.2, 2))
    spread_hz = f0 * log_uniform(rng, 0.003, 0.03)
    fast = spread_hz * walk(rng, clock, memory_s=log_uniform(rng, 0.01, 0.15))
    return f0 + slow + fast, np.ones(slow.size)


def _switched(rng: np.random.Generator, clock: Clock) -> Track:
    """Dashes: each starts low and relaxes to the line within some 10 ms."""
    f0 = log_uniform(rng, 500, 1500)
    drift = f0 * 0.02 * walk(rng, clock, memory_s=0.5)
    t = clock.times_s
    gate, drop = np.zeros(t.size), np.zeros(t.size)
    on, off = log_uniform(rng, 0.03, 0.25), log_uniform(rng, 0.03, 0.15)
    depth, relax = rng.uniform(0.1, 0.5), log_uniform(rng, 0.004, 0.02)
    at = float(t[0])
    while at < t[-1]:
        stop = at + on * lognormal(rng, 1, 0.6)
        first, last = np.searchsorted(t, (at, stop))
        gate[first:last] = 1
        hook = depth * rng.choice([0.2, 1.0, 1.0])
        drop[first:last] = hook * np.exp(-(t[first:last] - at) / relax)
        at = stop + off * lognormal(rng, 1, 0.6)
    return f0 * (1 - drop) + drift, gate


def _saw(rng: np.random.Generator, clock: Clock) -> Track:
    """Falling segments with abrupt resets."""
    f0, slope = log_uniform(rng, 180, 700), -rng.uniform(50, 300)
    t = clock.times_s
    resets = np.cumsum(rng.uniform(0.4, 1.2, 64)) + t[0] - 1.2
    last = resets[np.searchsorted(resets, t, side="right") - 1]
    frequency = f0 + slope * (t - last)
    frequency = frequency + 0.02 * f0 * walk(rng, clock, memory_s=0.1)
    return np.maximum(frequency, 60), np.ones(t.size)


def _steady(rng: np.random.Generator, clock: Clock) -> Track:
    f0 = log_uniform(rng, 250, 1300)
    wander = rng.uniform(0.5, 4) * walk(rng, clock, memory_s=0.5)
    return f0 + wander, np.ones(wander.size)


def _excursions(rng: np.random.Generator, clock: Clock) -> Track:
    """Arches above a resting frequency."""
    f0 = log_uniform(rng, 200, 900)
    wander = walk(rng, clock, memory_s=log_uniform(rng, 0.08, 0.5))
    frequency = f0 * (1 + rng.uniform(0.1, 0.5) * np.abs(wander))
    return frequency, np.ones(clock.times_s.size)
