"""The time and frequency grid that waveforms are drawn on, and its noise floor."""

from dataclasses import dataclass

import numpy as np
from numpy.fft import irfft, rfft

from gspy_cli.simulate.detectors import Floats, Floor


@dataclass(frozen=True, slots=True)
class Clock:
    """Samples around an event at time zero, in a detector with a known floor.

    Waveforms live in the whitened domain, where the noise has unit variance in each
    sample, so that a waveform's energy is its squared optimal signal-to-noise ratio.
    """

    sample_rate_hz: float
    times_s: Floats  # (n,), zero at the event
    frequencies_hz: Floats  # (n // 2 + 1,)
    floor: Floats  # (n // 2 + 1,) strain/rtHz

    def whiten(self, strain: Floats) -> Floats:
        """Divide strain (n,) by the floor: what a shape looks like to the search."""
        spectrum = rfft(strain) / (self.floor * np.sqrt(self.sample_rate_hz / 2))
        spectrum[self.frequencies_hz < 7] = 0
        return np.asarray(irfft(spectrum, self.times_s.size))


def rfft_frequencies(size: int, sample_rate_hz: float) -> Floats:
    """Give the frequencies of the bins of a real transform, in hertz."""
    return np.asarray(np.arange(size // 2 + 1) * (sample_rate_hz / size), np.float64)


def make_clock(*, sample_rate_hz: float, duration_s: float, floor: Floor) -> Clock:
    """Put the event in the middle of `duration_s` seconds."""
    size = round(duration_s * sample_rate_hz)
    frequencies = rfft_frequencies(size, sample_rate_hz)
    return Clock(
        sample_rate_hz=sample_rate_hz,
        times_s=(np.arange(size) - size // 2) / sample_rate_hz,
        frequencies_hz=frequencies,
        floor=floor.at(frequencies),
    )
