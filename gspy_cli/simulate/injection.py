"""Injection: a glitch added to noise, as bright as wanted, and its Q-scan."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.fft import irfft
from numpy.typing import NDArray

from gspy_cli.results import WINDOWS
from gspy_cli.simulate.detectors import Floats
from gspy_cli.simulate.tiles import Tile
from gspy_cli.simulate.waveform import Loudness
from gspy_cli.strain.archive import BLOCK_S
from gspy_cli.strain.eras import ERA_SETTINGS, Era
from gspy_cli.strain.qtransform import (
    QScan,
    peak_snr,
    scan_tiles,
    tile_planes,
    whiten_strain,
)

Spectrum = NDArray[np.complex128]

ROUNDS = 4  # attempts to reach a wanted peak energy
ENOUGH = 0.8  # of the wanted energy
# By how much the faded ends shorten a stretch, measured on white noise.
FAINT_S = {"mean": 1.3, "median": 2.0}
# A tile that noise or another plane outshines only where lines hide it
CLEAR, MARGIN = 60.0, 0.8


@dataclass(frozen=True, slots=True)
class Injection:
    """Strain with a glitch, how much louder it had to be made, and its Q-scan."""

    strain: Floats
    boost: float
    scan: QScan


def inject(
    loudness: Loudness,
    *,
    tile: Tile,
    noise: Spectrum,
    glitch: Spectrum,
    event_s: float,
    sample_rate_hz: int,
    era: Era,
) -> Injection:
    """Add a glitch to noise, louder until its picture is as bright as wanted.

    Lines, the whitening and a row's mean hide part of a glitch that looks loud on
    the smooth floor; a search would not have found it. `tile` is the loudest one on
    that floor; where it is clear, its plane alone tells the brightness, to save time.
    The scan is of all planes. `noise` and `glitch` are spectra of strain in numpy's
    rfft units; `event_s` is after the first sample.
    """
    keep_s = (event_s - max(WINDOWS) / 2, event_s + max(WINDOWS) / 2)
    boost = 1.0
    for attempt in range(ROUNDS):
        strain = np.asarray(irfft(noise + boost * glitch))
        clear = boost**2 * tile.energy > CLEAR and tile.rival < MARGIN * tile.energy
        whitened = whiten_strain(strain, sample_rate_hz=sample_rate_hz, era=era)
        planes = [one for one in whitened.planes if one.q == tile.q or not clear]
        tiles = tile_planes(whitened, planes, keep_s=keep_s)
        missing = _missing(loudness, peak_snr(tiles, event_s=event_s), era)
        if missing <= 1 or attempt == ROUNDS - 1:
            break
        boost *= min(max(float(np.sqrt(missing / ENOUGH)), 1.15), 2.5)
    others = [one for one in whitened.planes if one not in planes]
    rest = tile_planes(whitened, others, keep_s=keep_s)
    tiles = replace(tiles, planes=[*tiles.planes, *rest.planes])
    scan = scan_tiles(tiles, event_s=event_s)
    scan = _as_if_long(scan, strain.size / sample_rate_hz, era)
    return Injection(strain, boost, scan)


def _as_if_long(scan: QScan, duration_s: float, era: Era) -> QScan:
    """Undo the faint ends of a short stretch, which weigh on each row's average.

    Whitening fades the first and the last second; over Gravity Spy's 64 s they
    hardly count.
    """
    faint_s = FAINT_S[ERA_SETTINGS[era].row_norm]
    factor = (1 - faint_s / duration_s) / (1 - faint_s / BLOCK_S)
    energies = {w: np.float32(factor) * e for w, e in scan.energies.items()}
    return replace(scan, energies=energies, snr=scan.snr * float(np.sqrt(factor)))


def _missing(loudness: Loudness, snr: float, era: Era) -> float:
    """How many times too faint the picture is; 1 or less is bright enough."""
    if loudness.measure == "snr":
        return 0.0
    noise = 1.0 if ERA_SETTINGS[era].row_norm == "mean" else 1 / float(np.log(2))
    return ENOUGH * loudness.value * noise / (snr**2 / 2)
