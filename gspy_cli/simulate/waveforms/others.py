"""No glitch at all, and everything that fits no class."""

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
    tilt,
    unit,
    walk,
)
from gspy_cli.simulate.waveform import Waveform, log_uniform, peak, sign
from gspy_cli.simulate.waveforms.blips import blip_shape
from gspy_cli.simulate.waveforms.sweeps import merger

# How much likelier than the rest: those that volunteers proposed as classes, and
# those that the training set has many of.
ODDS = {"pizzicato": 3, "70 Hz line": 3, "high burst": 3, "comb": 2, "teeth": 2.5}


def no_glitch(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make at most what a trigger at the threshold finds in noise."""
    f0, s = log_uniform(rng, 12, 1500), log_uniform(rng, 0.004, 0.1)
    shape = sine_gaussian(clock.times_s, f0, s)
    weak = rng.uniform(5, 10) if rng.random() < 0.3 else 0.0
    return Waveform(shape, peak(weak))


def none_of_the_above(rng: np.random.Generator, clock: Clock) -> Waveform:
    """Make one of the many things without a name of their own."""
    makers = {
        "comb": _comb, "ladder": _ladder, "balls": _balls, "burst": _burst,
        "pizzicato": _pizzicato, "70 Hz line": _line_70, "high burst": _high_burst,
        "teeth": _teeth, "humps": _humps, "drooping": _drooping,
        "fins": _fins, "pieces": _pieces, "double": _double,
        "chirplets": _chirplets, "reversed": _reversed, "wedge": _wedge,
    }  # fmt: skip
    odds = np.array([ODDS.get(kind, 1.0) for kind in makers])
    kind = str(rng.choice(list(makers), p=odds / odds.sum()))
    shape, energy = makers[kind](rng, clock)
    energy, lasts = energy * log_uniform(rng, 1, 4), kind == "comb"
    return Waveform(shape, peak(energy), {"kind": kind}, jitter_s=0.01, lasts=lasts)


Sketch = tuple[Floats, float]  # a shape, and the energy of its loudest tile


def _comb(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Make a dense comb of spikes above a sharp lower edge; some have a blob below."""
    rate, edge = log_uniform(rng, 12, 60), log_uniform(rng, 150, 500)
    places = np.sort(rng.uniform(-8, 8, int(16 * rate)))
    if rng.random() < 0.5:
        even = np.arange(-8, 8, 1 / rate)
        jitter = rng.normal(0, 0.2 / rate, int(16 * rate) + 1)
        places = even + jitter[: even.size]
    spike = partial(pulse, tau=1e-4)
    stamps = [
        Stamp(float(at), sign(rng) * rng.uniform(0.3, 1), 0.01, spike) for at in places
    ]
    fall = rng.uniform(0.2, 1)

    def gain(f: Floats) -> Floats:
        ratio = edge / np.maximum(f, 1)
        return np.asarray(ratio**fall / (1 + ratio**8))

    shape = tilt(clock, pulse_train(clock, stamps), gain)
    if rng.random() < 0.35:
        f0, s = log_uniform(rng, 20, 80), rng.uniform(0.015, 0.06)
        blob = sine_gaussian(clock.times_s, f0, s)
        tooth = float(np.sqrt(np.sum(shape**2) / len(stamps)))
        shape = shape + rng.uniform(0.4, 1.3) * tooth * unit(blob)
    return shape, log_uniform(rng, 70, 500)


def _ladder(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Horizontal blobs one above the other, often on a low-frequency slab."""
    t = clock.times_s
    total = np.zeros(t.size)
    for f0 in np.sort(rng.uniform(40, 500, rng.integers(3, 8))):
        height, late = rng.uniform(0.6, 1), t - rng.normal(0, 0.02)
        total += height * sine_gaussian(late, f0, rng.uniform(0.02, 0.08))
    if rng.random() < 0.6:
        slab = band_noise(rng, clock, 10, rng.uniform(20, 35))
        slab *= gaussian(t, rng.uniform(0.1, 0.4))
        total += unit(slab) * np.sqrt(np.sum(total**2)) * rng.uniform(0.3, 1)
    return total, log_uniform(rng, 18, 150)


def _balls(rng: np.random.Generator, clock: Clock) -> Sketch:
    """One to three compact balls."""
    t = clock.times_s
    total = sine_gaussian(t, log_uniform(rng, 60, 300), log_uniform(rng, 0.01, 0.04))
    for _ in range(rng.integers(0, 3)):
        late, height = t - rng.normal(0, 0.15), rng.uniform(0.3, 1)
        total += height * sine_gaussian(late, log_uniform(rng, 30, 400), 0.02)
    return total, log_uniform(rng, 25, 150)


def _burst(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Make a burst of noise in a random band."""
    low = log_uniform(rng, 70, 600)  # lower ones have names
    noise = band_noise(rng, clock, low, low * rng.uniform(1.4, 3))
    length = log_uniform(rng, 0.03, 1.0)
    return noise * gaussian(clock.times_s, length), log_uniform(rng, 22, 150)


def _pizzicato(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Pluck a violin mode: a bow tie at 500 or 1000 Hz with a hole in it."""
    t = clock.times_s
    total = np.zeros(t.size)
    modes = [(508.0, 1.0), (1010.0, 0.8), (1480.0, 0.5)]
    keep = rng.random(3) < (0.8, 0.5, 0.15)
    keep[0] = keep[0] or not keep.any()
    s = log_uniform(rng, 0.015, 0.05)
    for k, (f0, height) in enumerate(modes):
        if keep[k]:
            f0 = f0 + rng.normal(0, 5)
            step = np.tanh(t / log_uniform(rng, 0.002, 0.02))
            bell = height * rng.uniform(0.5, 1.3) * gaussian(t, s)
            total += bell * np.cos(2 * np.pi * f0 * t) * step
            if rng.random() < 0.6:
                near = f0 * rng.uniform(0.9, 1.1)
                total += 0.5 * height * sine_gaussian(t, near, 0.006)
    return total, log_uniform(rng, 35, 200)


def _line_70(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Make a bar near 70 Hz."""
    t = clock.times_s
    tone = sine_gaussian(t, rng.normal(71.5, 1.5), log_uniform(rng, 0.025, 0.1))
    return tone, log_uniform(rng, 22, 120)


def _high_burst(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Make a short spike centred at 750 to 1700 Hz, or several."""
    f0, s = log_uniform(rng, 750, 1700), log_uniform(rng, 3e-4, 3e-3)
    shape = sine_gaussian(clock.times_s, f0, s)
    total = shape.copy()
    for _ in range(rng.choice([0, 0, 1, 3])):
        lag = round(sign(rng) * log_uniform(rng, 0.02, 0.5) * clock.sample_rate_hz)
        total += rng.uniform(0.5, 1) * np.roll(shape, lag)
    return total, log_uniform(rng, 80, 900)


def _teeth(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Three to five teeth side by side, 20 to 90 Hz."""
    t = clock.times_s
    gap, f0 = rng.uniform(0.04, 0.1), rng.uniform(30, 60)
    total = np.zeros(t.size)
    for k in range(-int(rng.integers(1, 3)), int(rng.integers(2, 4))):
        near, s = f0 * rng.uniform(0.8, 1.25), rng.uniform(0.008, 0.02)
        tooth = sine_gaussian(t - k * gap, near, s, rng.uniform(0, 6))
        total += (1.0 if k == 0 else rng.uniform(0.2, 0.95)) * tooth
    return total, log_uniform(rng, 40, 300)


def _humps(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Square humps joined by a baseline, 22 to 60 Hz."""
    t = clock.times_s
    base, high = rng.uniform(18, 28), rng.uniform(40, 65)
    swing = np.sin(2 * np.pi * rng.uniform(0.8, 3) * t + rng.uniform(0, 6))
    square = (1 + np.tanh(6 * swing)) / 2
    wave = sweep(clock, base + (high - base) * square)
    return wave * gaussian(t, rng.uniform(0.5, 2)), log_uniform(rng, 35, 200)


def _drooping(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Make a sweep that falls, and flares out at low frequency."""
    t = clock.times_s
    high, low, span = rng.uniform(90, 600), rng.uniform(14, 40), rng.uniform(0.03, 0.3)
    u = np.clip(t / span + 0.5, 0, 1)
    frequency = high * (low / high) ** u
    wave = sweep(clock, frequency) * np.sin(np.pi * u)
    if rng.random() < 0.5:
        flare = sine_gaussian(t - 0.4 * span, rng.uniform(20, 30), 0.03)
        flare += 0.7 * sine_gaussian(t, rng.uniform(90, 140), 0.006)
        wave = 0.5 * wave + flare
    return wave, log_uniform(rng, 16, 60)


def _fins(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Make a loud body with long arms to one or both sides, and no spike."""
    t = clock.times_s
    body = unit(sine_gaussian(t, rng.uniform(18, 35), rng.uniform(0.015, 0.04)))
    arms = band_noise(rng, clock, rng.uniform(35, 45), rng.uniform(50, 70))
    reach = flat_top(t, -rng.uniform(0.1, 0.5), rng.uniform(0.1, 0.7), 0.1)
    return body + rng.uniform(0.5, 1.5) * unit(arms * reach), log_uniform(rng, 100, 900)


def _pieces(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Slow pieces of a line at some 100 to 400 Hz."""
    t = clock.times_s
    frequency = log_uniform(rng, 100, 400) * (1 + 0.05 * walk(rng, clock, memory_s=0.5))
    gate = np.clip(2 * walk(rng, clock, memory_s=0.4), 0, 1)
    return sweep(clock, frequency) * gate * gaussian(t, 2), log_uniform(rng, 14, 50)


def _double(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Two unlike things at once: a blip on a burst of noise."""
    t = clock.times_s
    low = log_uniform(rng, 14, 60)
    noise = band_noise(rng, clock, low, low * rng.uniform(1.5, 3))
    noise *= gaussian(t, rng.uniform(0.1, 0.4))
    high = band_noise(rng, clock, 400, 1500)
    high *= gaussian(t - rng.normal(0, 0.1), rng.uniform(0.01, 0.1))
    parts = unit(noise) + rng.uniform(0.3, 1) * unit(high)
    parts += rng.uniform(0, 0.4) * blip_shape(rng, clock)
    return parts, log_uniform(rng, 25, 200)


def _chirplets(rng: np.random.Generator, clock: Clock) -> Sketch:
    """One to four short sweeps of any slope."""
    t = clock.times_s
    total = np.zeros(t.size)
    for k in range(rng.integers(1, 5)):
        late = t - (rng.normal(0, 0.2) if k else 0.0)
        s, f0 = log_uniform(rng, 0.01, 0.3), log_uniform(rng, 30, 900)
        slope = rng.normal(0, 0.5) * f0 / s
        wave = gaussian(late, s) * np.cos(2 * np.pi * (f0 + slope * late / 2) * late)
        total += rng.uniform(0.4, 1) * unit(wave)
    return total, log_uniform(rng, 18, 120)


def _reversed(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Run a merger backwards, or two of them into each other."""
    strain = merger(clock, *rng.uniform(8, 50, 2))
    shape = unit(clock.whiten(strain))
    back = shape[::-1]
    if rng.random() < 0.3:
        back = back + rng.uniform(0.4, 1) * shape
    return back, log_uniform(rng, 18, 150)


def _wedge(rng: np.random.Generator, clock: Clock) -> Sketch:
    """Make a faint spike on a smear that trails away at low frequency."""
    t = clock.times_s
    spike = sine_gaussian(t, log_uniform(rng, 80, 250), rng.uniform(0.003, 0.01))
    lag, f0 = rng.uniform(-0.05, 0.05), rng.uniform(16, 35)
    smear = sine_gaussian(t - lag, f0, rng.uniform(0.008, 0.035))
    return unit(spike) + rng.uniform(0.5, 2) * unit(smear), log_uniform(rng, 16, 60)
