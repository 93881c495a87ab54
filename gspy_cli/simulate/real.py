"""Network inputs of real glitches, drawn as each software era would have.

Labelled stretches of strain are short; here each is put into 64 s of noise, because
whitening and row averages belong to the 64 s that Gravity Spy takes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.fft import irfft

from gspy_cli.errors import GspyError
from gspy_cli.labels import CLASSES
from gspy_cli.simulate.clock import rfft_frequencies
from gspy_cli.simulate.dataset import scene_views
from gspy_cli.simulate.detectors import Floats, draw_floor, draw_lines
from gspy_cli.simulate.manifest import ManifestRow, manifest_row, write_manifest
from gspy_cli.simulate.noise import Inlay, draw_noise
from gspy_cli.simulate.origins import Origin
from gspy_cli.simulate.scene import SAMPLE_RATE_HZ, Scene
from gspy_cli.simulate.style import EARLY_SHARE
from gspy_cli.strain.archive import BLOCK_S
from gspy_cli.strain.eras import Era
from gspy_cli.strain.qtransform import q_scan
from gspy_cli.strain.segments import Segment, read_segments

EDGE_S = 1.0  # of a stretch, spoilt when it was whitened
JITTER_S = 0.01
KNOWN_BELOW = 0.49  # of the sample rate


@dataclass(frozen=True, slots=True)
class Copies:
    """How many times each glitch is drawn in each era, and at what size."""

    seed: int
    height: int
    width: int
    each: int = 2


def write_real_inputs(directory: Path, source: Path, copies: Copies) -> None:
    """Write `inputs.npy`, `labels.npy` and `manifest.csv`, as `write_inputs` does.

    `source` is an HDF5 file of labelled, whitened stretches (`strain.segments`).
    The manifest's `gravityspy_id` is the stretch's name, the same for all copies, and
    its `optimal_snr`, which nobody knows, the Q-scan's `snr`.

    Raises
    ------
    GspyError
        `source` holds no such stretches, or none of a known class.
    """
    directory.mkdir(parents=True, exist_ok=True)
    inputs, labels = [], []
    rows: list[ManifestRow] = []
    for segment, scene, early in _scenes(read_segments(source), copies):
        inputs.append(
            scene_views(scene, height=copies.height, width=copies.width, early=early)
        )
        labels.append(CLASSES.index(segment.label))
        rows.append(
            manifest_row(scene, name=segment.name, index=len(rows), early=early)
        )
    if not rows:
        raise GspyError(f"{source} has no stretch of a known class")
    np.save(directory / "inputs.npy", np.array(inputs))
    np.save(directory / "labels.npy", np.array(labels, np.int64))
    write_manifest(directory / "manifest.csv", rows)


def _scenes(
    segments: list[Segment], copies: Copies
) -> Iterator[tuple[Segment, Scene, bool]]:
    for number, segment in enumerate(segments):
        if segment.label not in CLASSES:
            continue
        for copy in range(copies.each):
            rng = np.random.default_rng((copies.seed, number, copy))
            for era in Era:
                early = era == Era.OLD and rng.random() < EARLY_SHARE
                yield segment, real_scene(rng, segment, era), early


def real_scene(rng: np.random.Generator, segment: Segment, era: Era) -> Scene:
    """Put a whitened stretch into 64 s of noise, within 10 ms of its known time."""
    late_s = float(rng.uniform(-JITTER_S, JITTER_S))
    event_s = BLOCK_S / 2 + float(rng.uniform(-0.5, 0.5))
    edge = round(EDGE_S * segment.rate_hz)
    inner = segment.samples[edge : segment.samples.size - edge]
    spread = float(np.median(np.abs(inner))) / 0.6745  # the glitch hardly moves it
    start_s = event_s + late_s - (segment.event_s - EDGE_S)
    known_hz = KNOWN_BELOW * min(segment.rate_hz, SAMPLE_RATE_HZ)
    inlay = Inlay(inner / spread, round(segment.rate_hz), start_s, known_hz)
    strain = _coloured(rng, segment, inlay)
    scan = q_scan(strain, sample_rate_hz=SAMPLE_RATE_HZ, event_s=event_s, era=era)
    return Scene(
        label=segment.label,
        strain=strain,
        sample_rate_hz=SAMPLE_RATE_HZ,
        event_s=event_s,
        origin=Origin(segment.ifo, segment.run, era),
        snr=scan.snr,
        facts={"late_s": late_s},
        scan=scan,
    )


def _coloured(rng: np.random.Generator, segment: Segment, inlay: Inlay) -> Floats:
    floor = draw_floor(rng, run=segment.run)
    spectrum = draw_noise(
        rng,
        duration_s=BLOCK_S,
        sample_rate_hz=SAMPLE_RATE_HZ,
        lines=draw_lines(rng, ifo=segment.ifo),
        inlay=inlay,
    )
    size = BLOCK_S * SAMPLE_RATE_HZ
    colour = floor.at(rfft_frequencies(size, SAMPLE_RATE_HZ))
    return np.asarray(irfft(spectrum * colour * np.sqrt(SAMPLE_RATE_HZ / 2)))
