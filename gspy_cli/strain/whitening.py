"""Whitening as gwpy does it, straight to a whitened spectrum."""

from math import ceil, log2

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.strain.eras import ScanSettings

SEGMENT_S = 2  # length of a periodogram, and of the whitening filter
TAPER_S = 1  # spoilt by the filter at either end
# How many times louder than its noise strain may be before rounding to single, and to
# double, precision shows where it is quiet.
LOUD, LOUDEST = 1e4, 1e13


def whitened_spectrum(
    strain: NDArray[np.float64],
    *,
    sample_rate_hz: int,
    settings: ScanSettings,
    bins: int,
) -> NDArray[np.complexfloating]:
    """Whiten strain and give its spectrum from 0 Hz, shape (bins,).

    It is complex64, or complex128 where a part of the strain is very loud. The scale is
    arbitrary: a Q-scan divides it out. Bins above Nyquist are zero.
    """
    # A power of two changes no digits, and keeps squares within what floats can hold.
    exponent = int(np.frexp(np.abs(strain).max())[1])
    near_one = strain * 2.0 ** min(-exponent, 1000)
    centred = near_one - near_one.mean()
    scaled = centred / centred.std()
    segments = _segment_spectra(scaled, sample_rate_hz)
    asd = np.sqrt(_average(np.abs(segments) ** 2, settings.psd_average))
    _require_noise(asd)
    whitened: NDArray[np.floating]
    if settings.whitening == "overlap-add":
        whitened = _overlap_add(segments, asd, scaled.size, sample_rate_hz)
    else:
        _taper_ends(scaled, sample_rate_hz)
        # Not circular: gwpy cuts the filter's tails off, and its Q-scans show it.
        taps = _fir(asd, scaled.size, sample_rate_hz)
        whitened = _convolve(scaled, taps)
    precision = _precision(whitened, sample_rate_hz)
    spectrum = np.fft.rfft(whitened.astype(precision, copy=False))[:bins]
    return np.pad(spectrum, (0, bins - spectrum.size))


def _segment_spectra(
    strain: NDArray[np.float64], sample_rate_hz: int
) -> NDArray[np.complex128]:
    """Spectra of Hann-windowed 2 s segments, each overlapping the next by half."""
    length = SEGMENT_S * sample_rate_hz
    segments = sliding_window_view(strain, length)[:: length // 2]
    centred = segments - segments.mean(axis=-1, keepdims=True)
    centred *= _hann(length)
    spectra: NDArray[np.complex128] = np.fft.rfft(centred)
    return spectra


def _hann(length: int) -> NDArray[np.float64]:
    """Give the periodic Hann window, which sums to one at half overlap."""
    phases = np.linspace(0, 2 * np.pi, length, endpoint=False, dtype=np.float64)
    return 0.5 - 0.5 * np.cos(phases)


def _average(power: NDArray[np.float64], average: str) -> NDArray[np.float64]:
    """Average periodograms (segments, bins), up to a factor, to shape (bins,)."""
    averaged: NDArray[np.float64]
    if average == "mean":
        averaged = power.mean(axis=0)
    elif average == "median":
        averaged = _median(power)
    else:  # the mean of the medians of even and of odd segments
        pairs = power.shape[0] // 2
        halves = power[: 2 * pairs].reshape(pairs, 2, -1)
        averaged = _median(halves).mean(axis=0)
    return averaged


def _median(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the median along the first axis; far faster here than numpy's own."""
    ordered = np.sort(power, axis=0)
    middle = len(power) // 2
    median: NDArray[np.float64] = (ordered[middle] + ordered[(len(power) - 1) // 2]) / 2
    return median


def _require_noise(asd: NDArray[np.float64]) -> None:
    # 0 Hz is no part of any tile, and detrending empties it.
    empty = np.flatnonzero(asd[1:-1] == 0)
    if empty.size:
        raise GspyError(
            f"the strain has no noise at {(empty[0] + 1) / SEGMENT_S:g} Hz, so it "
            "cannot be whitened; give detector strain, not a simulated signal alone"
        )


def _precision(
    whitened: NDArray[np.floating], sample_rate_hz: int
) -> type[np.floating]:
    """Choose the precision that white strain needs: single, if no part is very loud."""
    # In these units white noise is about one.
    loudness = whitened.std(dtype=np.float64) * np.sqrt(SEGMENT_S * sample_rate_hz)
    if loudness > LOUDEST:
        raise GspyError(
            "the strain cannot be scanned: a part of it is too many times louder than "
            "its noise; choose another time, or set that part to NaN"
        )
    return np.float64 if loudness > LOUD else np.float32


def _overlap_add(
    segments: NDArray[np.complex128],
    asd: NDArray[np.float64],
    samples: int,
    sample_rate_hz: int,
) -> NDArray[np.float32]:
    """Divide each segment by the ASD and add them up where they were."""
    white = (segments * (1 / asd)).astype(np.complex64)
    pieces = np.fft.irfft(white)
    whitened = np.zeros(samples, np.float32)
    for i, piece in enumerate(pieces):
        start = i * sample_rate_hz * SEGMENT_S // 2
        whitened[start : start + piece.size] += piece
    return whitened


def _taper_ends(strain: NDArray[np.float64], sample_rate_hz: int) -> None:
    """Fade the first and the last second, in place."""
    length = TAPER_S * sample_rate_hz
    window = _hann(2 * length)
    strain[:length] *= window[:length]
    strain[-length:] *= window[length:]


def _fir(
    asd: NDArray[np.float64], samples: int, sample_rate_hz: int
) -> NDArray[np.float64]:
    """Taps of gwpy's 2 s whitening filter, symmetric about the middle one.

    The filter is 1/ASD with its impulse response cut by a Hann window.
    """
    count = int(np.rint(samples / 2 + 1))  # one more than the bins, where gwpy has it
    bins = np.arange(count) * (SEGMENT_S * sample_rate_hz / samples)
    fine = np.interp(bins, np.arange(asd.size), asd)
    fine[0] = np.inf  # no response at 0 Hz
    half = np.fft.irfft(1 / fine)[: TAPER_S * sample_rate_hz]
    half *= _hann(2 * half.size)[half.size :]
    return np.concatenate([half[:0:-1], half])


def _convolve(
    samples: NDArray[np.float64], taps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Filter samples (n,) by taps about their middle one; beyond the ends is silence.

    scipy has it too, but takes longer to import than a picture to draw.
    """
    size = _fast_size(samples.size + taps.size - 1)
    product = np.fft.rfft(samples, size) * np.fft.rfft(taps, size)
    first = taps.size // 2
    filtered: NDArray[np.float64] = np.fft.irfft(product, size)
    return filtered[first : first + samples.size]


def _fast_size(least: int) -> int:
    """Find a size of quick transforms, a small number times a power of two."""
    return min(odd << max(ceil(log2(least / odd)), 0) for odd in (1, 3, 5, 9, 15))
