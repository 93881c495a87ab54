"""The loudest classes: extremely loud transients and light modulation."""

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
    tilt,
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
    snr,
)
from gspy_cli.simulate.waveforms.fish import fins


def extremely_loud(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a transient that saturates much of the picture, in one of seven ways."""
    makers = [_giant, _column, _dome, _block, _lock_loss, _many, _eclipse]
    odds = [0.27, 0.15, 0.14, 0.13, 0.2, 0.08, 0.03]
    return makers[rng.choice(7, p=odds)](rng, clock)


def _giant(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a giant fish: a pulse, its slow body, and a ringing instrument."""
    shape = giant_shape(rng, clock)
    return Waveform(shape, snr(log_uniform(rng, 1.2e3, 1.5e4)), {"kind": "giant"})


def _column(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a giant whose echoes fill a tenth of a second: a thick column."""
    t = clock.times_s
    corner_hz, slope = log_uniform(rng, 40, 400), rng.uniform(1, 3)
    shape = rumble(rng, clock, corner_hz=corner_hz, slope=slope)
    rise, fall = log_uniform(rng, 0.01, 0.08), log_uniform(rng, 0.02, 0.16)
    shape = unit(shape * pulse(t, rise, fall))
    shape = shape + rng.uniform(0.3, 2) * giant_shape(rng, clock)
    return Waveform(shape, snr(log_uniform(rng, 1.2e3, 2e4)), {"kind": "column"})


def giant_shape(rng: np.random.Generator, clock: Clock) -> Floats:
    """Draw a pulse with a slow body that may ring and saturate the sensors."""
    t = clock.times_s
    strain = pulse(t, log_uniform(rng, 0.2e-3, 2.5e-3))
    height = sign(rng) * log_uniform(rng, 0.05, 1.2)
    strain += height * gaussian(t, log_uniform(rng, 0.008, 0.06))
    fall = log_uniform(rng, 0.03, 0.4)
    ring = np.cos(2 * np.pi * rng.uniform(8, 22) * t + rng.uniform(0, 6))
    strain += rng.uniform(0, 0.6) * ring * pulse(t, fall / 4, fall)
    if rng.random() < 0.5:
        limit = rng.uniform(0.3, 0.9) * float(np.max(np.abs(strain)))
        strain = np.clip(strain, -limit, limit)
    shape = unit(clock.whiten(strain))
    return unit(shape + rng.uniform(0.05, 0.5) * fins(rng, clock))


def _dome(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a second of noise that falls steeply with frequency: a ragged bell."""
    t = clock.times_s
    corner_hz, slope = rng.uniform(20, 70), rng.uniform(1.5, 3.5)
    shape = rumble(rng, clock, corner_hz=corner_hz, slope=slope)
    length, even = log_uniform(rng, 0.12, 0.7), rng.random() < 0.5
    envelope = gaussian(t, length) if even else pulse(t, length / 3, length)
    shape = unit(shape * envelope)
    if rng.random() < 0.6:
        shape = shape + rng.uniform(0.05, 0.6) * giant_shape(rng, clock)
    if rng.random() < 0.5:  # the suspension keeps swinging for seconds
        low = band_noise(rng, clock, rng.uniform(12, 35), rng.uniform(38, 60))
        height, low = rng.uniform(0.02, 0.2), low * gaussian(t, rng.uniform(0.5, 2))
        shape = shape + height * unit(low)
    rho = log_uniform(rng, 350, 2e4)
    return Waveform(shape, snr(rho), {"kind": "dome"}, jitter_s=0.1)


def _block(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make half a second of noise that ends steeply at some hundred hertz, as of H1.

    A spike stands in its middle, and 20 to 60 Hz rumble for seconds.
    """
    t = clock.times_s
    edge_hz, slope = log_uniform(rng, 90, 400), rng.uniform(3, 7)
    climb = rng.uniform(0, 0.8)

    def gain(f: Floats) -> Floats:
        rise = (np.maximum(f, 8) / edge_hz) ** climb
        return np.asarray(rise * (1 + (f / edge_hz) ** 2) ** (-slope / 2) * (f > 8))

    noise = tilt(clock, rng.standard_normal(t.size), gain)
    shape = unit(noise * gaussian(t, log_uniform(rng, 0.06, 0.25)))
    shape = shape + log_uniform(rng, 0.02, 0.6) * giant_shape(rng, clock)
    low = band_noise(rng, clock, rng.uniform(15, 28), rng.uniform(45, 70))
    swing = unit(low * gaussian(t, log_uniform(rng, 0.3, 2)))
    shape = shape + log_uniform(rng, 1e-3, 0.05) * swing
    rho = log_uniform(rng, 2e3, 4e4)
    return Waveform(shape, snr(rho), {"kind": "block"}, jitter_s=0.05)


def rumble(
    rng: np.random.Generator, clock: Clock, *, corner_hz: float, slope: float
) -> Floats:
    """Give steady whitened noise that falls as a power law above a corner."""

    def gain(f: Floats) -> Floats:
        return np.asarray((1 + (f / corner_hz) ** 2) ** (-slope / 2) * (f > 8))

    return tilt(clock, rng.standard_normal(clock.times_s.size), gain)


def _lock_loss(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Quiet, then a wall of noise: the interferometer falls out of lock."""
    t = clock.times_s
    start, for_good = rng.uniform(0.0, 0.22), rng.random() < 0.75
    stop = rng.uniform(3, 8) if for_good else start + log_uniform(rng, 0.6, 3)
    corner_hz, slope = log_uniform(rng, 100, 1000), rng.uniform(1, 3)
    noise = rumble(rng, clock, corner_hz=corner_hz, slope=slope)
    noise = unit(noise * np.exp(0.3 * walk(rng, clock, memory_s=0.3)))
    kick = np.roll(giant_shape(rng, clock), round(start * clock.sample_rate_hz))
    kick *= log_uniform(rng, 0.1, 0.6)
    envelope = flat_top(t, start, stop, log_uniform(rng, 0.001, 0.03))
    shape = envelope * (noise + kick)
    facts: Facts = {"kind": "lock loss", "start_s": start}
    energy = log_uniform(rng, 1e4, 5e5)
    return Waveform(shape, peak(energy), facts, anchor=False, norm="median")


def _many(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Several giants within a second or two."""
    total = giant_shape(rng, clock)
    for _ in range(rng.integers(1, 8)):
        lag = round(rng.normal(0, 0.6) * clock.sample_rate_hz)
        total = total + rng.uniform(0.1, 1) * np.roll(giant_shape(rng, clock), lag)
    return Waveform(total, snr(log_uniform(rng, 1.5e3, 2e4)), {"kind": "many"})


def _eclipse(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Something so loud nearby that the picture of this moment is nearly black."""
    lag = sign(rng) * rng.uniform(2.5, 7)
    shape = np.roll(giant_shape(rng, clock), round(lag * clock.sample_rate_hz))
    shape = shape + 1e-4 * giant_shape(rng, clock)
    rho = log_uniform(rng, 2e4, 1e5)
    return Waveform(shape, snr(rho), {"kind": "eclipse"}, anchor=False, norm="mean")


def light_modulation(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make a cluster of spikes on, or before, a low-frequency mass (45 MHz faults)."""
    rate = clock.sample_rate_hz
    makers = [_mass, _episode, _pyramid]
    total = makers[rng.choice(3, p=[0.18, 0.68, 0.14])](rng, clock)
    episodes = 1
    while rng.random() < 0.28 and episodes < 4:
        lag = round(sign(rng) * rng.uniform(0.4, 2.0) * rate)
        total = total + rng.uniform(0.3, 1.2) * np.roll(_episode(rng, clock), lag)
        episodes += 1
    rho = lognormal(rng, 45, 0.8, low=15, high=300)
    facts: Facts = {"episodes": episodes}
    return Waveform(total, snr(rho), facts, jitter_s=0.02)


def _mass(rng: np.random.Generator, clock: Clock) -> Floats:
    """One spike or several on a broad mass with arms; lone spikes around it."""
    t = clock.times_s
    mass = np.zeros(t.size)
    reach = log_uniform(rng, 0.03, 0.2)
    for _ in range(rng.integers(2, 9)):
        f0 = log_uniform(rng, 13, 60)  # the higher, the nearer to the middle
        late = t - rng.normal(0, reach * 20 / f0)
        mass += rng.uniform(0.3, 1) * sine_gaussian(late, f0, rng.uniform(0.5, 2) / f0)
    spikes = [
        _draw_spike(rng, rng.normal(0, 0.025), rng.uniform(0.3, 1))
        for _ in range(rng.integers(1, 4))
    ]
    sharp = unit(clock.whiten(pulse_train(clock, spikes + _lone_spikes(rng))))
    return unit(mass) + log_uniform(rng, 0.2, 1.6) * sharp


def _pyramid(rng: np.random.Generator, clock: Clock) -> Floats:
    """Stack noise, the lower the longer, under a spike: O3's long-based triangles."""
    lumps = []
    base_s, steep = log_uniform(rng, 0.08, 0.4), rng.uniform(0.7, 1.3)
    roll = rng.uniform(0, 0.8)
    lean = 0.0 if rng.random() < 0.6 else rng.uniform(-0.6, 1.0)
    for _ in range(rng.integers(20, 45)):
        f0 = log_uniform(rng, 11, log_uniform(rng, 40, 180))
        reach = base_s * (15 / f0) ** steep
        s, height = rng.uniform(0.6, 1.6) / f0, rng.uniform(0.3, 1) * (f0 / 15) ** -roll
        lump = partial(sine_gaussian, f0=f0, sigma=s, phase=rng.uniform(0, 6))
        at = reach * (rng.normal(0, 0.7) + lean)
        lumps.append(Stamp(float(at), height, 5 * s, lump))
    middle = _draw_spike(rng, rng.normal(0, 0.01), 1.0)
    sharp = unit(clock.whiten(pulse_train(clock, [middle, *_lone_spikes(rng)])))
    return unit(pulse_train(clock, lumps)) + log_uniform(rng, 0.25, 1.3) * sharp


def _lone_spikes(rng: np.random.Generator) -> list[Stamp]:
    """Up to five spikes before and after the mass."""
    return [
        _draw_spike(rng, sign(rng) * log_uniform(rng, 0.08, 1.6), rng.uniform(0.1, 0.7))
        for _ in range(rng.integers(0, 6))
    ]


def _draw_spike(rng: np.random.Generator, at: float, height: float) -> Stamp:
    tau = lognormal(rng, 1.1e-3, 0.7, low=0.2e-3, high=3.5e-3)
    shape = partial(_spike, tau=tau, body=rng.uniform(0, 0.4))
    return Stamp(float(at), height, 0.08, shape)


def _episode(rng: np.random.Generator, clock: Clock) -> Floats:
    """One fault: spikes over some 0.06 s, then lumps at 12 to 32 Hz that fall."""
    few = 1 if rng.random() < 0.12 else 2  # a lone spike is a fish but for the lumps
    count = few + int(rng.poisson(2))
    places = np.concatenate([[0], np.cumsum(rng.uniform(0.004, 0.04, count - 1))])
    places = places - rng.uniform(0, places[-1] + 1e-9)
    stamps = []
    for at in places:
        tau = lognormal(rng, 1.0e-3, 0.7, low=0.25e-3, high=3.5e-3)
        height = sign(rng) * rng.uniform(0.3, 1) * (0.5e-3 / tau) ** 0.5
        shape = partial(_spike, tau=tau, body=rng.uniform(0, 0.5))
        stamps.append(Stamp(float(at), height, 0.08, shape))
    spikes = unit(clock.whiten(pulse_train(clock, stamps)))
    start, stop = rng.uniform(-0.03, 0.08), log_uniform(rng, 0.25, 1.5)
    share = float(np.sqrt(log_uniform(rng, 0.08, 1.3)))
    return spikes + share * _lumps(rng, clock, start, stop)


def _spike(t: Floats, *, tau: float, body: float) -> Floats:
    return np.asarray(pulse(t, tau) + body * gaussian(t, 0.01))


def _lumps(rng: np.random.Generator, clock: Clock, start: float, stop: float) -> Floats:
    """Low-frequency lumps from the spikes on; they fall in frequency and fade."""
    t = clock.times_s
    total = np.zeros(t.size)
    places = np.arange(start, stop, rng.uniform(0.04, 0.15))
    for at in places + rng.normal(0, 0.02, places.size):
        age = (at - start) / (stop - start + 0.05)
        f0 = rng.uniform(12, 32) * (1 - 0.4 * age)
        lump = sine_gaussian(t - at, f0, rng.uniform(0.025, 0.09), rng.uniform(0, 6))
        total += np.exp(-rng.uniform(0, 2) * age) * rng.uniform(0.3, 1) * lump
    for _ in range(rng.integers(0, 7)):  # shoulders that join the mass to the spikes
        at = start + rng.uniform(-0.03, 0.18)
        ball = sine_gaussian(t - at, log_uniform(rng, 24, 75), rng.uniform(0.01, 0.04))
        total += rng.uniform(0.2, 1.0) * ball
    return unit(total)
