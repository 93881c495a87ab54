"""One labelled stretch of simulated strain: noise, a glitch, and its neighbours."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.fft import rfft
from threadpoolctl import ThreadpoolController

from gspy_cli.simulate.clock import Clock, make_clock, rfft_frequencies
from gspy_cli.simulate.detectors import Floats, draw_floor, draw_lines
from gspy_cli.simulate.injection import inject
from gspy_cli.simulate.noise import Inlay, draw_noise
from gspy_cli.simulate.origins import Origin, draw_origin, with_norm
from gspy_cli.simulate.pulses import sine_gaussian
from gspy_cli.simulate.quiet import KNOWN_HZ, PIECE_S, RATE_HZ, Quiet, draw_quiet
from gspy_cli.simulate.tiles import Tile, loudest_tile
from gspy_cli.simulate.typical import is_typical
from gspy_cli.simulate.waveform import Facts, Waveform, log_uniform, peak, sign
from gspy_cli.simulate.waveforms import WAVEFORMS
from gspy_cli.strain.archive import BLOCK_S
from gspy_cli.strain.eras import ERA_SETTINGS
from gspy_cli.strain.qtransform import QScan

BLAS = ThreadpoolController().select(user_api="blas")
SAMPLE_RATE_HZ = 8192
CLOCK_S = 16  # waveforms are drawn around the event only
# Gravity Spy takes 64 s. That matters where a loud glitch raises the mean that each
# row of the old era's pictures is divided by; elsewhere half of it will do.
SHORT_S = 32
LOUD = 150.0  # energy of a tile that raises its row's mean
REAL_NOISE_SHARE = 0.5  # where there is any
# Of extended glitches. Below this energy, noise passes for a glitch that lines hide.
FAINT_SHARE, FAINTEST = 0.2, 18.0
DRAWS = 4  # of a scene whose picture would not show its class
NEIGHBOUR_SHARE = 0.12
NEIGHBOURS = (
    "Blip",
    "Tomte",
    "Koi_Fish",
    "Low_Frequency_Burst",
    "Power_Line",
    "Scattered_Light",
    "Violin_Mode",
    "Whistle",
    "None_of_the_Above",
)
# Beside No_Glitch, only what is over when it is 0.7 s away
BRIEF = ("Blip", "Tomte", "Power_Line")
ON_SCATTER = ("Blip", "Koi_Fish", "Tomte", "Blip_Low_Frequency", "Repeating_Blips")


@dataclass(frozen=True, slots=True)
class Scene:
    """Strain of shape (n,) with a glitch `event_s` after its start, and the truth.

    `snr` is optimal, of all that the glitch adds to the strain; its neighbours add
    more.
    """

    label: str
    strain: Floats
    sample_rate_hz: int
    event_s: float
    origin: Origin
    snr: float
    facts: Facts
    scan: QScan


def draw_scene(
    label: str, *, seed: int, index: int, quiet: Quiet | None = None
) -> Scene:
    """Draw the scene that this seed, index and class stand for, always the same.

    One whose picture would not show its class is drawn again; the last of `DRAWS`
    stands, whatever it shows.

    With quiet stretches of real strain, half of the scenes are put into them.
    """
    with BLAS.limit(limits=1):  # the number of threads changes last digits
        for attempt in range(DRAWS):
            scene = _draw(np.random.default_rng((seed, index, attempt)), label, quiet)
            if is_typical(label, scene.scan):
                break
    return scene


def _draw(rng: np.random.Generator, label: str, quiet: Quiet | None) -> Scene:
    origin = draw_origin(rng, label)
    floor = draw_floor(rng, run=origin.run)
    clock = make_clock(sample_rate_hz=SAMPLE_RATE_HZ, duration_s=CLOCK_S, floor=floor)
    glitch = _perhaps_fainter(rng, WAVEFORMS[label](rng, clock))
    origin = with_norm(origin, rng, glitch.norm)
    whitened, tile = place(rng, clock, glitch)
    block_s = _block_s(glitch, tile, origin)
    event_s = block_s / 2 + float(rng.uniform(-0.5, 0.5))
    size = block_s * SAMPLE_RATE_HZ
    main = _embed(whitened, size, event_s, lasts=glitch.lasts)
    colour = floor.at(rfft_frequencies(size, SAMPLE_RATE_HZ))
    colour *= np.sqrt(SAMPLE_RATE_HZ / 2)
    others = _embed(_neighbours(rng, clock, label), size, event_s, lasts=False)
    noise = draw_noise(
        rng,
        duration_s=block_s,
        sample_rate_hz=SAMPLE_RATE_HZ,
        lines=draw_lines(rng, ifo=origin.ifo),
        inlay=_draw_inlay(rng, quiet, event_s),
    )
    injected = inject(
        glitch.loudness,
        tile=tile,
        noise=(rfft(others) + noise) * colour,
        glitch=rfft(main) * colour,
        event_s=event_s,
        sample_rate_hz=SAMPLE_RATE_HZ,
        era=origin.era,
    )
    return Scene(
        label=label,
        strain=injected.strain,
        sample_rate_hz=SAMPLE_RATE_HZ,
        event_s=event_s,
        origin=origin,
        snr=injected.boost * float(np.sqrt(np.sum(main**2))),
        facts=glitch.facts,
        scan=injected.scan,
    )


def _block_s(glitch: Waveform, tile: Tile, origin: Origin) -> int:
    raises = glitch.lasts or tile.energy > LOUD
    mean = ERA_SETTINGS[origin.era].row_norm == "mean"
    return BLOCK_S if mean and raises else SHORT_S


def _perhaps_fainter(rng: np.random.Generator, glitch: Waveform) -> Waveform:
    """Give extended glitches the faint tail that thresholds leave in catalogues."""
    loudness = glitch.loudness
    extended = loudness.measure == "peak_energy" and loudness.value > FAINTEST
    if not extended or rng.random() >= FAINT_SHARE:
        return glitch
    fainter = max(loudness.value * rng.uniform(0.4, 1), FAINTEST)
    return replace(glitch, loudness=peak(fainter))


def _draw_inlay(
    rng: np.random.Generator, quiet: Quiet | None, event_s: float
) -> Inlay | None:
    if quiet is None or rng.random() >= REAL_NOISE_SHARE:
        return None
    return Inlay(draw_quiet(rng, quiet), RATE_HZ, event_s - PIECE_S / 2, KNOWN_HZ)


def place(
    rng: np.random.Generator, clock: Clock, glitch: Waveform
) -> tuple[Floats, Tile]:
    """Scale a waveform to its loudness and put its loudest tile at time zero.

    Gives the whitened samples (n,) over the clock's times, and the tile.
    """
    tile = loudest_tile(clock, glitch.whitened)
    if glitch.loudness.value == 0 or tile.energy == 0:
        return np.zeros(clock.times_s.size), tile.louder(0.0)
    scale = _scale(glitch, tile.energy)
    late_s = float(rng.normal(0, glitch.jitter_s))
    if glitch.anchor:
        late_s -= tile.time_s
    moved = np.roll(scale * glitch.whitened, round(late_s * clock.sample_rate_hz))
    return moved, tile.louder(scale)


def _scale(glitch: Waveform, tile_energy: float) -> float:
    if glitch.loudness.measure == "peak_energy":
        return float(np.sqrt(glitch.loudness.value / tile_energy))
    energy = float(np.sum(glitch.whitened**2))
    return glitch.loudness.value / float(np.sqrt(energy))


def _embed(whitened: Floats, size: int, event_s: float, *, lasts: bool) -> Floats:
    """Put a waveform into a longer stretch; one that lasts goes on all along it."""
    stretch = np.zeros(size)
    start = round(event_s * SAMPLE_RATE_HZ) - whitened.size // 2
    if lasts:
        stretch[:] = np.resize(np.roll(whitened, start), size)
    else:
        stretch[start : start + whitened.size] = whitened
    return stretch


def _neighbours(rng: np.random.Generator, clock: Clock, label: str) -> Floats:
    """Draw what else happens in these seconds: blobs, scatter, another glitch."""
    total = np.zeros(clock.times_s.size)
    if rng.random() < 0.3:
        for _ in range(rng.integers(1, 3)):
            total += _blob(rng, clock)
    if label in ON_SCATTER and rng.random() < 0.06:
        total += _other(rng, clock, "Scattered_Light", log_uniform(rng, 10, 40), 0.0)
    alone = label == "No_Glitch"
    if rng.random() < (0.25 if alone else NEIGHBOUR_SHARE):
        name = str(rng.choice(BRIEF if alone else NEIGHBOURS))
        late_s = sign(rng) * float(rng.uniform(0.7 if alone else 0.4, 2.0))
        energy = log_uniform(rng, 12, 300 if alone else 60)
        total += _other(rng, clock, name, energy, late_s)
    return total


def _blob(rng: np.random.Generator, clock: Clock) -> Floats:
    t = clock.times_s - rng.uniform(-2, 2)
    blob = sine_gaussian(t, log_uniform(rng, 12, 100), log_uniform(rng, 0.02, 0.12))
    energy = np.sum(blob**2)
    return blob * float(np.sqrt(rng.uniform(12, 24) / energy))


def _other(
    rng: np.random.Generator, clock: Clock, name: str, energy: float, late_s: float
) -> Floats:
    glitch = WAVEFORMS[name](rng, clock)
    quieter = Waveform(glitch.whitened, peak(energy), jitter_s=glitch.jitter_s)
    return np.roll(place(rng, clock, quieter)[0], round(late_s * clock.sample_rate_hz))
