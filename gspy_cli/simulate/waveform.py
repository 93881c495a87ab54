"""A glitch's waveform and how loud it is meant to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gspy_cli.simulate.detectors import Floats

Facts = Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Loudness:
    """A target: optimal signal-to-noise ratio, or the loudest tile's energy."""

    value: float
    measure: Literal["snr", "peak_energy"]


@dataclass(frozen=True, slots=True)
class Waveform:
    """A whitened shape of any scale over a clock's times.

    `anchor` moves the loudest tile to time zero, as a search's trigger would.
    `lasts` repeats it through the whole stretch of data, not only around the event.
    `norm` names the only row normalisation that shows this waveform as meant.
    """

    whitened: Floats
    loudness: Loudness
    facts: Facts = field(default_factory=dict)
    anchor: bool = True
    jitter_s: float = 0.004
    lasts: bool = False
    norm: Literal["any", "mean", "median"] = "any"


def snr(value: float) -> Loudness:
    """Ask for an optimal signal-to-noise ratio."""
    return Loudness(float(value), "snr")


def peak(value: float) -> Loudness:
    """Ask for the normalised energy of the loudest tile (mean noise is one)."""
    return Loudness(float(value), "peak_energy")


def lognormal(
    rng: np.random.Generator,
    median: float,
    sigma: float,
    *,
    low: float = 0.0,
    high: float = np.inf,
) -> float:
    """Draw from a log-normal distribution, again and again until within bounds."""
    while True:
        value = float(median * np.exp(rng.normal(0, sigma)))
        if low <= value <= high:
            return value


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw evenly in the logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def sign(rng: np.random.Generator) -> float:
    """Draw +1 or -1."""
    return 1.0 if rng.random() < 0.5 else -1.0
