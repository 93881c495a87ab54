"""Quiet stretches of real strain, whitened, to put simulated glitches into."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.signal import welch

from gspy_cli.errors import GspyError
from gspy_cli.simulate.clock import make_clock
from gspy_cli.simulate.detectors import Floats, Floor
from gspy_cli.simulate.tiles import loudest_tile
from gspy_cli.simulate.waveform import log_uniform, sign
from gspy_cli.strain.segments import is_segments, read_segments
from gspy_cli.strain.series import list_series, read_samples

RATE_HZ = 4096  # of the stretches kept; what GWOSC gives most often
KNOWN_HZ = 1640.0  # GWOSC's 4096 Hz strain fades out above
PIECE_S = 4.5  # the longest window, and a fade on either side
EDGE_S = 1.0  # spoilt by whitening
SEGMENT_S = 2  # of a periodogram
# The loudest of some 30,000 tiles of Gaussian noise is about 10 to 13.
QUIET_ENERGY = 17.0
SUFFIXES = (".hdf5", ".h5", ".gwf")

Quiet = NDArray[np.float32]  # (stretches, PIECE_S * RATE_HZ), unit variance
WHITE = Floor(np.log([1.0, 1e4]), np.zeros(2))


def read_quiet(source: Path) -> Quiet:
    """Cut every quiet stretch of 4.5 s from strain files of 4096 Hz or more.

    `source` is a file or a folder. Stretches with anything that a search would
    trigger on are left out. The order is that of the files' names.

    Raises
    ------
    GspyError
        If there is no strain file, or nothing quiet in them.
    """
    paths = [source] if source.is_file() else sorted(source.glob("*"))
    paths = [path for path in paths if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise GspyError(f"{source} holds no strain files (.hdf5, .h5 or .gwf)")
    pieces = [piece for path in paths for piece in _pieces(path)]
    clock = make_clock(sample_rate_hz=RATE_HZ, duration_s=PIECE_S, floor=WHITE)
    within_s = PIECE_S / 2 - 0.1
    quiet = [
        piece
        for piece in pieces
        if loudest_tile(clock, piece, within_s=within_s).energy < QUIET_ENERGY
    ]
    if not quiet:
        raise GspyError(
            f"{source} holds no quiet stretch of {PIECE_S:g} s; give longer strain, "
            f"{RATE_HZ} Hz or more"
        )
    return np.array(quiet, np.float32)


def _pieces(path: Path) -> Iterator[Floats]:
    """Cut whitened strain into pieces of unit variance, end to end."""
    size, edge = round(PIECE_S * RATE_HZ), round(EDGE_S * RATE_HZ)
    for samples in _strains(path):
        if samples.size < size + 2 * edge or not np.isfinite(samples).all():
            continue
        white = whiten(samples, RATE_HZ)[edge : samples.size - edge]
        # From both ends: what a file is about tends to be in its middle.
        half = white.size // 2 // size * size
        starts = [*range(0, half, size), *range(white.size - half, white.size, size)]
        for start in starts or [0]:
            piece = white[start : start + size]
            yield piece / piece.std()


def _strains(path: Path) -> list[Floats]:
    """Read a file's strain at 4096 Hz; none if it is of several channels."""
    if is_segments(path):
        return [s.samples for s in read_segments(path) if s.rate_hz == RATE_HZ]
    try:
        held = list_series(path)
        if len({series.channel for series in held}) != 1:
            return []
        return [
            _slower(np.asarray(read_samples(series, 0, series.size), float), step)
            for series in held
            if (step := round(series.rate_hz) // RATE_HZ)
        ]
    except GspyError:
        return []


def _slower(samples: Floats, step: int) -> Floats:
    """Lower the sample rate by a whole factor, by cutting the spectrum."""
    size = samples.size // step
    return np.asarray(irfft(rfft(samples)[: size // 2 + 1], size))


def whiten(samples: Floats, rate_hz: int) -> Floats:
    """Divide by the median ASD of 2 s segments; the ends of the result are spoilt.

    What the strain holds below 7 Hz is lost.
    """
    tapered = samples - samples.mean()
    ramp = np.sin(np.linspace(0, np.pi / 2, rate_hz // 4)) ** 2
    tapered[: ramp.size] *= ramp
    tapered[-ramp.size :] *= ramp[::-1]
    inner = samples[rate_hz // 2 : -rate_hz // 2]
    hertz, power = welch(inner, rate_hz, nperseg=SEGMENT_S * rate_hz, average="median")
    spectrum = rfft(tapered)
    bins = np.arange(spectrum.size) * (rate_hz / samples.size)
    spectrum /= np.sqrt(np.interp(bins, hertz, power) * rate_hz / 2)
    spectrum[bins < 7] = 0
    return np.asarray(irfft(spectrum, samples.size))


def draw_quiet(rng: np.random.Generator, quiet: Quiet) -> Floats:
    """Make a new stretch of many: two of them, one below and one above a frequency.

    Either may be turned upside down or run backwards.
    """
    low, high = (
        rfft(sign(rng) * quiet[row][:: -1 if rng.random() < 0.5 else 1])
        for row in rng.integers(len(quiet), size=2)
    )
    bins = np.arange(low.size) / PIECE_S
    return np.asarray(
        irfft(np.where(bins < log_uniform(rng, 25, 1000), low, high), quiet.shape[1])
    )
