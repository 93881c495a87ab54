"""Quiet stretches of real strain, whitened, to put simulated glitches into."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.fft import irfft, rfft
from numpy.typing import NDArray

from gspy_cli.callbacks import ignore
from gspy_cli.errors import GspyError
from gspy_cli.results import STRAIN_SUFFIXES
from gspy_cli.simulate.arrays import save
from gspy_cli.simulate.clock import make_clock
from gspy_cli.simulate.detectors import Floats, Floor
from gspy_cli.simulate.tiles import loudest_tile
from gspy_cli.simulate.waveform import log_uniform, sign
from gspy_cli.strain.files import list_series, read_samples
from gspy_cli.strain.gaps import gaps
from gspy_cli.strain.segments import is_segments, read_segments

RATE_HZ = 4096  # of the stretches kept; what GWOSC gives most often
KNOWN_HZ = 1640.0  # GWOSC's 4096 Hz strain fades out above
PIECE_S = 4.5  # the longest window, and a fade on either side
EDGE_S = 1.0  # spoilt by whitening
SEGMENT_S = 2  # of a periodogram
# The loudest of some 30,000 tiles of Gaussian noise is about 10 to 13.
QUIET_ENERGY = 17.0

Quiet = NDArray[np.float32]  # (stretches, PIECE_S * RATE_HZ), unit variance
QUIET = "quiet.npy"  # what a data set was made with
WHITE = Floor(np.log([1.0, 1e4]), np.zeros(2))


def read_quiet(source: Path, *, on_left_out: Callable[[str], None] = ignore) -> Quiet:
    """Cut every quiet stretch of 4.5 s from strain files of 4096 Hz or more.

    `source` is a file or a folder. Gaps, and stretches with anything that a search
    would trigger on, are left out. The order is that of the files' names.
    `on_left_out` is told why a file gives nothing.
    """
    paths = [source] if source.is_file() else sorted(source.glob("*"))
    paths = [path for path in paths if path.suffix.lower() in STRAIN_SUFFIXES]
    if not paths:
        raise GspyError(
            f"{source} holds no strain files ({', '.join(STRAIN_SUFFIXES)})"
        )
    quiet: list[Floats] = []
    reason = ""
    for path in paths:
        try:
            quiet += _quiet_pieces(path)
        except GspyError as error:
            reason = str(error)
            on_left_out(reason)
    if not quiet:
        raise GspyError(f"no strain in {source} can be used: {reason}")
    return np.array(quiet, np.float32)


def save_quiet(
    directory: Path, source: Path, *, on_left_out: Callable[[str], None]
) -> None:
    """Keep the quiet stretches of strain files with a data set; as `read_quiet`."""
    save(directory / QUIET, read_quiet(source, on_left_out=on_left_out))


def load_quiet(directory: Path) -> Quiet:
    """Map the stretches (N, n) that a data set keeps."""
    try:
        quiet: Quiet = np.load(directory / QUIET, mmap_mode="r")
    except FileNotFoundError:
        raise GspyError(
            f"{directory} has lost its noise, {QUIET}; choose an empty directory"
        ) from None
    return quiet


def _quiet_pieces(path: Path) -> list[Floats]:
    clock = make_clock(sample_rate_hz=RATE_HZ, duration_s=PIECE_S, floor=WHITE)
    within_s = PIECE_S / 2 - 0.1
    quiet = [
        piece
        for piece in _pieces(path)
        if loudest_tile(clock, piece, within_s=within_s).energy < QUIET_ENERGY
    ]
    if not quiet:
        length_s = PIECE_S + 2 * EDGE_S
        raise GspyError(f"{path.name} has no quiet {length_s:g} s without a gap")
    return quiet


def _pieces(path: Path) -> Iterator[Floats]:
    """Cut whitened strain into pieces of unit variance, end to end."""
    size, edge = round(PIECE_S * RATE_HZ), round(EDGE_S * RATE_HZ)
    for samples in _stretches(path):
        if samples.size < size + 2 * edge:
            continue
        white = whiten(samples, RATE_HZ)[edge : samples.size - edge]
        # From both ends: what a file is about tends to be in its middle.
        half = white.size // 2 // size * size
        starts = [*range(0, half, size), *range(white.size - half, white.size, size)]
        for start in starts or [0]:
            piece = white[start : start + size]
            yield piece / piece.std()


def _stretches(path: Path) -> Iterator[Floats]:
    """Read a file's strain between its gaps, at 4096 Hz."""
    for samples, rate_hz in _strains(path):
        if rate_hz < RATE_HZ:
            raise GspyError(
                f"{path.name} is sampled at {rate_hz:g} Hz, and {RATE_HZ} Hz are needed"
            )
        ends = np.diff(gaps(samples, rate_hz), prepend=True, append=True)
        for first, last in np.flatnonzero(ends).reshape(-1, 2):
            yield _slower(samples[first:last], rate_hz)


def _strains(path: Path) -> Iterator[tuple[Floats, float]]:
    """Read a file's strain, and its sample rate."""
    if is_segments(path):
        yield from ((s.samples, s.rate_hz) for s in read_segments(path))
        return
    held = list_series(path)
    if len({series.channel for series in held}) > 1:
        raise GspyError(f"{path.name} has several channels; give a file of one")
    for series in held:
        samples = read_samples(series, 0, series.size)
        yield np.asarray(samples, float), series.rate_hz


def _slower(samples: Floats, rate_hz: float) -> Floats:
    """Lower the sample rate to 4096 Hz, by cutting the spectrum."""
    size = round(samples.size * RATE_HZ / rate_hz)
    return np.asarray(irfft(rfft(samples)[: size // 2 + 1], size))


def whiten(samples: Floats, rate_hz: int) -> Floats:
    """Divide strain (n,) by the median ASD of 2 s segments; the ends are spoilt.

    What the strain holds below 7 Hz is lost.
    """
    from scipy.signal import welch  # slow to import

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
