"""The simulated glitches are physics, reproducible, and look like their classes."""

import errno
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from PIL import Image
from running import gspy
from scipy.fft import irfft, rfft

from gspy_cli.errors import GspyError
from gspy_cli.labels import CLASSES
from gspy_cli.simulate import dataset, figures
from gspy_cli.simulate import scene as scene_module
from gspy_cli.simulate.clock import make_clock, rfft_frequencies
from gspy_cli.simulate.dataset import Plan, write_inputs
from gspy_cli.simulate.detectors import Line, draw_floor, draw_lines
from gspy_cli.simulate.figures import write_figures
from gspy_cli.simulate.injection import inject
from gspy_cli.simulate.manifest import read_manifest
from gspy_cli.simulate.noise import draw_noise
from gspy_cli.simulate.origins import Origin, draw_origin
from gspy_cli.simulate.pulses import log_bell, pulse, sine_gaussian, unit
from gspy_cli.simulate.scene import BRIEF, draw_scene, place
from gspy_cli.simulate.side_by_side import side_by_side
from gspy_cli.simulate.style import draw_early, plot
from gspy_cli.simulate.tiles import loudest_tile
from gspy_cli.simulate.typical import TYPICAL_QS, is_typical, shows_something
from gspy_cli.simulate.waveform import Waveform, peak, snr
from gspy_cli.simulate.waveforms import WAVEFORMS
from gspy_cli.simulate.waveforms.blips import blip, helix
from gspy_cli.simulate.waveforms.fish import koi_fish
from gspy_cli.simulate.waveforms.low_blips import blip_low_frequency, tomte
from gspy_cli.simulate.waveforms.sweeps import chirp, merger
from gspy_cli.strain.eras import Era
from gspy_cli.strain.files import list_series
from gspy_cli.strain.qtransform import q_scan
from gspy_cli.whole import alone_in

RATE_HZ = 8192


@pytest.fixture(scope="module")
def clock():
    floor = draw_floor(np.random.default_rng(0), run="O1")
    return make_clock(sample_rate_hz=RATE_HZ, duration_s=8, floor=floor)


@pytest.fixture(scope="module")
def all_classes():
    return {
        label: draw_scene(label, seed=2, index=index)
        for index, label in enumerate(CLASSES)
    }


def scan_noise(era, *, lines=None, whitened=0.0, duration_s=32):
    """Scan noise, with a whitened waveform at its middle if given."""
    rng = np.random.default_rng(4)
    floor = draw_floor(rng, run="O1")
    size = duration_s * RATE_HZ
    if lines is None:
        lines = draw_lines(rng, ifo="H1")
    spectrum = draw_noise(
        rng, duration_s=duration_s, sample_rate_hz=RATE_HZ, lines=lines
    )
    spectrum = spectrum + np.fft.rfft(np.broadcast_to(whitened, size))
    colour = floor.at(rfft_frequencies(size, RATE_HZ))
    strain = irfft(spectrum * colour)
    return q_scan(strain, sample_rate_hz=RATE_HZ, event_s=duration_s / 2, era=era)


def above(scan, hertz, window=4.0):
    return scan.energies[window][scan.frequencies > hertz]


@pytest.mark.parametrize(
    ("era", "mean", "loud_share"),
    [(Era.OLD, 1.0, 0.007), (Era.MID, 1.42, 0.031), (Era.O3, 1.42, 0.031)],
)
def test_background_is_as_bright_as_in_each_era(era, mean, loud_share):
    # as read off real pictures, whose colours are steps of 0.1
    energies = np.floor(10 * above(scan_noise(era, duration_s=64), 100)) / 10
    assert energies.mean() == pytest.approx(mean, abs=0.05)
    assert (energies > 5).mean() == pytest.approx(loud_share, rel=0.35)


def test_strong_lines_give_a_loud_pulse_fins():
    times = np.arange(32 * RATE_HZ) / RATE_HZ - 16
    spike = 60 * pulse(times, 1e-3)
    lines = [Line(hertz, width_hz=0.01, height=200.0) for hertz in (36, 40, 60)]

    def beside(lines):
        scan = scan_noise(Era.OLD, lines=lines, whitened=spike)
        rows = (scan.frequencies > 25) & (scan.frequencies < 80)
        return scan.energies[1.0][rows][:, 300:400].mean()  # 0.1 to 0.3 s later

    assert beside(lines) > 3 * beside([])


def test_every_class_of_the_model_has_a_waveform():
    assert tuple(WAVEFORMS) == CLASSES


def test_every_class_gives_finite_strain_and_four_windows(all_classes):
    for scene in all_classes.values():
        assert np.isfinite(scene.strain).all()
        assert list(scene.scan.energies) == [0.5, 1.0, 2.0, 4.0]
        assert all(np.isfinite(e).all() for e in scene.scan.energies.values())


def test_glitches_are_seen_in_the_picture_of_the_shortest_window(all_classes):
    for label in set(CLASSES) - {"No_Glitch", "Extremely_Loud"}:
        assert all_classes[label].scan.energies[0.5].max() > 12, label


def test_the_loudest_part_of_a_blip_is_at_time_zero(all_classes):
    scene = all_classes["Blip"]
    assert scene.scan.peak_time == pytest.approx(scene.event_s, abs=0.03)


def test_same_seed_and_index_give_the_same_strain():
    first, second = (draw_scene("Whistle", seed=5, index=7) for _ in range(2))
    others = (draw_scene("Whistle", seed=s, index=k) for s, k in ((5, 8), (6, 7)))
    assert first.strain.tobytes() == second.strain.tobytes()
    assert all(first.strain.tobytes() != other.strain.tobytes() for other in others)


def test_a_chirp_sweeps_upward_until_the_merger(clock):
    strain = merger(clock, 30, 28)
    crossings = clock.times_s[1:][np.diff(np.sign(strain)) != 0]
    inspiral = crossings[(crossings > -0.3) & (crossings < 0)]
    periods = np.diff(inspiral)
    assert periods[-1] < periods[0] / 3
    assert (np.diff(periods) < 2 / RATE_HZ).all()


def test_a_heavier_binary_rings_lower(clock):
    def ring_hz(mass):
        after = merger(clock, mass, mass)[clock.times_s > 0]
        spectrum = np.abs(np.fft.rfft(after))
        return spectrum.argmax() * RATE_HZ / after.size

    assert ring_hz(40) < 0.6 * ring_hz(20)


def test_a_chirp_is_the_merger_of_the_masses_in_its_facts(clock):
    glitch = chirp(np.random.default_rng(3), clock)
    strain = merger(clock, glitch.facts["mass_1"], glitch.facts["mass_2"])
    np.testing.assert_array_equal(glitch.whitened, unit(clock.whiten(strain)))


def test_only_echoes_of_a_helix_have_a_gap(clock):
    facts = [helix(np.random.default_rng(seed), clock).facts for seed in range(12)]
    assert {one["kind"] for one in facts} == {"twist", "echoes"}
    assert all(("gap_s" in one) == (one["kind"] == "echoes") for one in facts)
    assert all(0.005 < one.get("gap_s", 1 / 128) < 0.02 for one in facts)


@pytest.mark.parametrize(
    ("label", "seed", "index"),
    [("Blip", 6, 0), ("Scratchy", 6, 0), ("No_Glitch", 5, 5)],
)
def test_the_optimal_snr_is_of_the_glitch_without_its_neighbours(
    label, seed, index, monkeypatch
):
    floors, injections = [], []

    def draw_floor_seen(*args, **how):
        floors.append(draw_floor(*args, **how))
        return floors[-1]

    def inject_seen(*args, **how):
        injections.append((how["glitch"], inject(*args, **how)))
        return injections[-1][1]

    monkeypatch.setattr(scene_module, "draw_floor", draw_floor_seen)
    monkeypatch.setattr(scene_module, "inject", inject_seen)
    scene = draw_scene(label, seed=seed, index=index)
    glitch, found = injections[-1]
    colour = floors[-1].at(rfft_frequencies(scene.strain.size, RATE_HZ))
    added = irfft(found.boost * glitch / (colour * np.sqrt(RATE_HZ / 2)))
    assert scene.snr == pytest.approx(np.sqrt(np.sum(added**2)), rel=1e-6)
    assert (scene.snr > 0) == (label != "No_Glitch")  # beside which there is a blip


def test_the_loudest_tile_of_a_sine_gaussian_is_where_the_sine_gaussian_is(clock):
    shape = sine_gaussian(clock.times_s - 0.25, 200.0, 0.01)
    tile = loudest_tile(clock, shape)
    assert tile.time_s == pytest.approx(0.25, abs=0.003)
    assert tile.frequency_hz == pytest.approx(200, rel=0.1)
    # the energy of a tile that fits exactly is half the squared SNR
    assert 0.8 < tile.energy / (0.5 * np.sum(shape**2)) <= 1.0


def test_a_waveform_is_scaled_to_its_snr_or_to_the_energy_of_its_tile(clock):
    rng, shape = np.random.default_rng(0), sine_gaussian(clock.times_s, 200.0, 0.01)
    loud, _ = place(rng, clock, Waveform(shape, snr(20)))
    assert np.sum(loud**2) == pytest.approx(20**2)
    _, tile = place(rng, clock, Waveform(shape, peak(50)))
    assert tile.energy == pytest.approx(50)


def test_a_waveform_without_any_energy_stays_silent(clock):
    silent = Waveform(np.zeros(clock.times_s.size), peak(30))
    placed, tile = place(np.random.default_rng(0), clock, silent)
    assert not placed.any()
    assert tile.energy == 0


def test_whitened_detector_noise_is_white(clock):
    rng = np.random.default_rng(1)
    parts = rng.standard_normal((clock.frequencies_hz.size, 2)).view(complex)[:, 0]
    size = clock.times_s.size
    strain = irfft(parts * clock.floor * np.sqrt(RATE_HZ / 2 * size / 2))
    assert np.std(clock.whiten(strain)) == pytest.approx(1, rel=0.03)


def test_the_snr_is_that_of_the_picture():
    scene = draw_scene("Blip", seed=6, index=0)
    of_32_s = q_scan(
        scene.strain,
        sample_rate_hz=RATE_HZ,
        event_s=scene.event_s,
        era=scene.origin.era,
    )
    fainter = (scene.scan.snr / of_32_s.snr) ** 2
    assert fainter < 0.99
    np.testing.assert_allclose(
        scene.scan.energies[0.5], fainter * of_32_s.energies[0.5], rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize(
    ("label", "seed", "index"),
    [  # lines hide the tile that would be the loudest on the smooth floor
        ("Scattered_Light", 21, 2),
        ("Scattered_Light", 21, 20),
        ("Low_Frequency_Lines", 5, 36),
        ("Low_Frequency_Lines", 21, 54),
        ("Low_Frequency_Lines", 11, 12),
        ("Wandering_Line", 21, 9),
        ("Power_Line", 5, 16),
    ],
)
def test_the_picture_is_of_the_plane_that_a_q_scan_chooses(label, seed, index):
    scene = draw_scene(label, seed=seed, index=index)
    scan = q_scan(
        scene.strain,
        sample_rate_hz=RATE_HZ,
        event_s=scene.event_s,
        era=scene.origin.era,
    )
    assert scene.scan.q == scan.q
    assert scene.scan.peak_frequency == scan.peak_frequency
    assert scene.scan.snr == pytest.approx(scan.snr, rel=0.02)  # of 64 s, not 32


def extents(scene):
    """Highest and lowest frequency brighter than 20 near the event, Hz."""
    energies = scene.scan.energies[0.5][:, 75:175]
    rows = np.flatnonzero((energies > 20).any(axis=1))
    return scene.scan.frequencies[rows[0]], scene.scan.frequencies[rows[-1]]


@cache
def usual_extents(label):
    """Median highest and lowest frequency of the draws that are not faint, Hz."""
    scenes = (draw_scene(label, seed=3, index=index) for index in range(9))
    found = [extents(scene) for scene in scenes if scene.snr > 12]
    return np.median(found, axis=0)


def test_blips_reach_from_below_100_to_several_hundred_hertz():
    top, bottom = usual_extents("Blip")
    assert 213 < top < 701
    assert 26 < bottom < 90


def test_a_tomte_stands_lower_than_a_blip_and_a_koi_is_larger():
    tomte, koi, blip = (usual_extents(c) for c in ("Tomte", "Koi_Fish", "Blip"))
    assert tomte[1] < blip[1]
    assert koi[1] < blip[1]
    assert koi[0] > tomte[0]


def test_a_koi_fills_as_much_of_the_plot_as_early_real_ones():
    # 11 real ones in 0.5 s saturate 0.16 of it in the median, half of them 0.13 to 0.25
    scenes = (draw_scene("Koi_Fish", seed=3, index=index) for index in range(14))
    broad = [scene for scene in scenes if scene.facts["kind"] == "broad"]
    shares = [(scene.scan.energies[0.5] > 25.5).mean() for scene in broad]
    assert 0.1 < np.median(shares) < 0.22
    assert max(shares) < 0.45


@pytest.mark.parametrize(
    ("label", "faintest", "brightest"),
    [
        ("1080Lines", 9.7, 18.2),
        ("Helix", 11.4, 22.2),
        ("Paired_Doves", 21.8, 25.4),
        ("Scratchy", 9.0, 22.2),
    ],
)
def test_real_ones_of_the_weak_classes_are_among_the_simulated(
    label, faintest, brightest, monkeypatch
):
    # where the brightest 0.5 % of the half-second plots of real ones begin
    origin = Origin("H1", "O1", Era.OLD)
    monkeypatch.setattr(scene_module, "draw_origin", lambda *_: origin)
    scenes = (draw_scene(label, seed=8, index=index) for index in range(10))
    energies = [np.minimum(scene.scan.energies[0.5], 25.5) for scene in scenes]
    begins = np.percentile(energies, 99.5, axis=(1, 2))
    assert begins.min() < faintest < brightest < begins.max()
    assert 0.6 * faintest < np.median(begins)


def foot_s(scene, hertz=20):
    """How long a row is brighter than noise, in seconds."""
    row = np.abs(scene.scan.frequencies - hertz).argmin()
    return 0.002 * (scene.scan.energies[0.5][row] > 10).sum()


def test_a_tomte_has_a_wider_foot_than_a_low_frequency_blip():
    tomte, blip = (
        np.median([foot_s(draw_scene(c, seed=3, index=k)) for k in range(15)])
        for c in ("Tomte", "Blip_Low_Frequency")
    )
    # 0.07 s is the median of 10 real Tomtes; two real low-frequency blips have none
    assert tomte > 0.05 > blip


def test_a_bell_in_log_frequency_falls_by_its_gamma(clock):
    f0, gamma = 64.0, 2.5
    strain = np.abs(rfft(log_bell(clock, f0, gamma, 0.4))) * clock.floor
    at = [np.abs(clock.frequencies_hz - hertz).argmin() for hertz in (f0, 32, 128)]
    middle, below, above = strain[at]
    fallen = np.exp(-gamma / 2 * np.log(2) ** 2)
    assert below / middle == pytest.approx(fallen, rel=0.01)
    assert above / middle == pytest.approx(fallen, rel=0.01)


def test_an_even_bell_is_even_and_an_odd_one_odd(clock):
    middle = clock.times_s.size // 2
    after = slice(middle + 1, middle + 400)
    before = slice(middle - 1, middle - 400, -1)
    even, odd = (log_bell(clock, 40, 2, phase) for phase in (0, np.pi / 2))
    assert even[before] == pytest.approx(even[after], abs=1e-3 * np.ptp(even))
    assert odd[before] == pytest.approx(-odd[after], abs=1e-3 * np.ptp(odd))


def test_low_frequency_blips_are_fainter_than_tomtes(clock):
    # the fits of O3's at L1 have a median of 9.3 and 15.0
    faint, loud = (
        np.median(
            [make(np.random.default_rng(k), clock).loudness.value for k in range(99)]
        )
        for make in (blip_low_frequency, tomte)
    )
    assert 8.5 < faint < 11 < 13 < loud < 20


def test_low_frequency_blips_are_pictures_of_o3_and_later():
    def early(label):
        drawn = [draw_origin(np.random.default_rng(k), label).era for k in range(300)]
        return np.mean([era in (Era.OLD, Era.MID) for era in drawn])

    assert early("Blip_Low_Frequency") < 0.12
    assert 0.35 < early("Tomte") < 0.55


@pytest.mark.parametrize(
    ("make", "kind", "hertz"), [(koi_fish, "slim", 12), (blip, "necked", 18)]
)
def test_slim_koi_and_necked_blips_have_nothing_at_the_lower_edge(
    clock, make, kind, hertz
):
    drawn = [make(np.random.default_rng(seed), clock) for seed in range(60)]
    found = [glitch.whitened for glitch in drawn if glitch.facts["kind"] == kind]
    assert len(found) >= 2
    for whitened in found:
        energy = np.abs(rfft(whitened)) ** 2
        assert energy[clock.frequencies_hz < hertz].sum() < 0.02 * energy.sum()


def test_noise_shows_nothing_and_a_pulse_does():
    times = np.arange(32 * RATE_HZ) / RATE_HZ - 16
    spike = 20 * unit(pulse(times, 1e-3))
    assert not shows_something(scan_noise(Era.OLD))
    assert not shows_something(scan_noise(Era.O3))
    assert shows_something(scan_noise(Era.O3, whitened=spike))


def test_none_of_the_above_shows_something_in_two_windows():
    for index in range(8):
        scene = draw_scene("None_of_the_Above", seed=4242, index=index)
        bright = [(e > 16).mean() for e in scene.scan.energies.values()]
        assert sum(part > 1.5e-4 for part in bright) >= 2, index


def picture(label, *, snr, energy):
    """Give a scan of one of a class's Qs, all windows alike."""
    cells = dict.fromkeys((0.5, 1.0, 2.0, 4.0), np.full((4, 4), energy))
    return SimpleNamespace(q=TYPICAL_QS.get(label, (5.7,))[0], snr=snr, energies=cells)


@pytest.mark.parametrize("label", ["Low_Frequency_Lines", "Scattered_Light"])
def test_what_lasts_and_no_picture_shows_would_be_called_no_glitch(label):
    assert not is_typical(label, picture(label, snr=20, energy=1.0))
    assert is_typical(label, picture(label, snr=20, energy=20.0))


def test_a_line_that_is_whitened_away_is_drawn_again():
    # its first draw is a steady one of O3, of SNR 5.0
    scene = draw_scene("Wandering_Line", seed=7701, index=46)
    assert shows_something(scene.scan)


@pytest.mark.parametrize(("label", "typical"), [("Blip", False), ("Helix", True)])
def test_a_brief_glitch_is_as_loud_as_what_omicron_finds(label, typical):
    assert is_typical(label, picture(label, snr=7.4, energy=20.0)) == typical
    assert is_typical(label, picture(label, snr=7.6, energy=20.0))


def test_lines_are_drawn_with_high_q_and_pulses_with_low_q(all_classes):
    qs = {label: scene.scan.q for label, scene in all_classes.items()}
    assert min(qs["1080Lines"], qs["Wandering_Line"], qs["Scattered_Light"]) > 20
    assert max(qs["Blip"], qs["Tomte"], qs["Koi_Fish"], qs["Repeating_Blips"]) < 6


def lit_rows(scene, window, threshold):
    """Rows of a picture that are bright somewhere, in hertz."""
    rows = (scene.scan.energies[window] > threshold).any(axis=1)
    return scene.scan.frequencies[rows]


def whitened(label, clock, wanted):
    """The first waveform of a class whose facts hold these."""
    for seed in range(200):
        glitch = WAVEFORMS[label](np.random.default_rng(seed), clock)
        if wanted.items() <= glitch.facts.items():
            return glitch.whitened
    raise LookupError(wanted)


def test_a_fast_whistle_stands_on_one_foot_and_parts_above(clock):
    wave = whitened("Whistle", clock, {"kind": "fast V"})
    near = np.abs(clock.times_s) < 0.3

    def spread_s(low_hz, high_hz):
        inside = (clock.frequencies_hz > low_hz) & (clock.frequencies_hz < high_hz)
        power = irfft(np.fft.rfft(wave) * inside, wave.size)[near] ** 2
        times = clock.times_s[near] - np.average(clock.times_s[near], weights=power)
        return np.sqrt(np.average(times**2, weights=power))

    assert spread_s(40, 120) < 0.02
    assert spread_s(1500, 2000) > 1.2 * spread_s(400, 700)


def test_rungs_of_scattered_light_are_many_and_close_together(clock):
    wave = whitened("Scattered_Light", clock, {"kind": "rungs", "surfaces": 1})
    middle = np.abs(clock.times_s) < 1
    spectrum = np.abs(np.fft.rfft(wave[middle] * np.hanning(middle.sum()))) ** 2
    share = np.cumsum(spectrum) / spectrum.sum()
    hertz = np.arange(spectrum.size) * RATE_HZ / middle.sum()
    low, high = np.interp((0.1, 0.9), share, hertz)
    assert high > 1.4 * low


def test_arches_of_fast_scattering_stand_apart():
    scenes = [draw_scene("Fast_Scattering", seed=6, index=index) for index in range(4)]
    for scene in scenes:
        rows = (scene.scan.frequencies > 15) & (scene.scan.frequencies < 60)
        brightest = scene.scan.energies[4.0][rows].max(axis=0)
        assert np.median(brightest) < 0.5 * brightest.max()


@pytest.mark.parametrize("label", BRIEF)
def test_what_happens_beside_no_glitch_is_brief(label, clock):
    rng = np.random.default_rng(1)
    for _ in range(20):
        moved, _ = place(rng, clock, WAVEFORMS[label](rng, clock))
        late = np.abs(clock.times_s) > 0.65
        assert np.sum(moved[late] ** 2) < 0.05 * np.sum(moved**2)


def test_a_violin_mode_is_seen_at_its_modes(all_classes):
    rows = lit_rows(all_classes["Violin_Mode"], 0.5, 12)
    modes = np.array([503, 1000, 1475, 1940])
    apart = np.abs(rows[rows > 400, None] / modes - 1).min(axis=1)
    assert apart.size > 0
    assert np.mean(apart < 0.12) > 0.9


def test_early_pictures_end_at_the_planes_own_rows(all_classes):
    scan = all_classes["Blip"].scan
    late, early = (
        plot(scan.energies[4.0], scan.frequencies, q=5.66, early=early)
        for early in (False, True)
    )
    assert late.shape == (479, 573, 3)
    # 10.9 to 1880 Hz of 10 to 2048 Hz, at 62.5 pixels an octave
    assert early.shape[0] == pytest.approx(479 - 7.7 - 7.7, abs=2)


PLAN = Plan(count=5, seed=1, height=12, width=16, classes=("1400Ripples", "Blip"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    directory = tmp_path_factory.mktemp("inputs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "CHUNK", 3)
        write_inputs(directory, PLAN)
        yield directory


def test_inputs_labels_and_manifest_agree(written):
    inputs, labels = (np.load(written / f"{n}.npy") for n in ("inputs", "labels"))
    rows = read_manifest(written / "manifest.csv")
    assert inputs.shape == (5, 4, 12, 16, 3)
    assert [CLASSES[label] for label in labels] == [row["label"] for row in rows]
    assert [int(row["index"]) for row in rows] == list(range(5))
    assert "frequency_hz" in json.loads(rows[0]["facts"])
    scenes = (SimpleNamespace(origin=SimpleNamespace(era=row["era"])) for row in rows)
    early = [draw_early(scene, seed=1, index=i) for i, scene in enumerate(scenes)]
    assert [row["early"] == "1" for row in rows] == early
    assert inputs.reshape(5, -1).std(axis=1).min() > 0


def test_a_stopped_data_set_resumes_to_the_same_bytes(written):
    whole = (written / "inputs.npy").read_bytes()
    manifest = (written / "manifest.csv").read_bytes()
    last = np.lib.format.open_memmap(written / "inputs.npy", mode="r+")
    last[3:] = 0
    last.flush()
    (written / "parts" / "0000003.csv").unlink()
    seen = []
    write_inputs(written, PLAN, progress=lambda done, count: seen.append(done))
    assert seen == [5]
    assert (written / "inputs.npy").read_bytes() == whole
    assert (written / "manifest.csv").read_bytes() == manifest


def test_a_finished_data_set_is_not_written_again(written):
    paths = [written / name for name in ("manifest.csv", "labels.npy")]
    for path in paths:
        os.utime(path, (0, 0))
    write_inputs(written, PLAN)
    assert [path.stat().st_mtime for path in paths] == [0, 0]


def test_a_manifest_is_of_the_pictures_that_were_made_again(tmp_path, monkeypatch):
    write_inputs(tmp_path, PLAN)
    before = (tmp_path / "manifest.csv").read_bytes()
    (tmp_path / "inputs.npy").unlink()
    monkeypatch.setattr(dataset, "manifest_row", lambda *_, **__: {"label": "anew"})
    write_inputs(tmp_path, PLAN)
    parts = [row for part in sorted(tmp_path.glob("parts/*")) for row in rows_of(part)]
    assert rows_of(tmp_path / "manifest.csv") == parts
    assert (tmp_path / "manifest.csv").read_bytes() != before


def rows_of(path):
    return path.read_text().splitlines()[1:]


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("name", ["manifest.csv", "labels.npy"])
def test_a_full_disk_leaves_nothing_half_written(written, monkeypatch, name):
    whole = (written / name).read_bytes()
    (written / name).unlink()
    before = sorted(written.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_inputs(written, PLAN)
    assert sorted(written.iterdir()) == before
    write_inputs(written, PLAN)
    assert (written / name).read_bytes() == whole


KILLED = """
from pathlib import Path
from gspy_cli.simulate.dataset import CHUNK, Plan, write_inputs
plan = Plan(count=2 * CHUNK + 1, seed=1, height=12, width=16, classes=("Blip",))
write_inputs(Path("{}"), plan, workers=2, progress=lambda *_: print(flush=True))
"""


def test_processes_end_when_the_one_that_began_them_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", KILLED.format(tmp_path)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as parent:
        parent.stdout.readline()  # one of three parts is done
        parent.kill()
        try:
            parent.communicate(timeout=30)  # until nobody holds the pipe
        finally:
            with suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)


HUNG_UP = """
import itertools, os, signal
from multiprocessing.synchronize import SemLock
from pathlib import Path
from gspy_cli.simulate.dataset import Plan, write_inputs

def wait(*_):
    print(flush=True)
    signal.pause()

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has children ignore it
numbers = itertools.count()
SemLock._make_name = staticmethod(lambda: f"/gspy-{{os.getpid()}}-{{next(numbers)}}")
plan = Plan(count=1, seed=1, height=12, width=16, classes=("Blip",))
write_inputs(Path("{}"), plan, workers=2, progress=wait)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /dev/shm")
def test_a_closed_terminal_leaves_no_semaphores(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HUNG_UP.format(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as parent:
        name = f"sem.gspy-{parent.pid}-*"
        try:
            parent.stdout.readline()
            assert list(Path("/dev/shm").glob(name))
            os.killpg(parent.pid, signal.SIGHUP)
            parent.communicate(timeout=30)  # until nobody holds the pipe
            assert not list(Path("/dev/shm").glob(name))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)
            for left in Path("/dev/shm").glob(name):
                left.unlink()


def test_windows_is_asked_for_no_more_processes_than_it_can_wait_for(
    monkeypatch,
):
    monkeypatch.setattr("gspy_cli.simulate.side_by_side.ENVIRONMENT", {})
    monkeypatch.setattr("sys.platform", "win32")
    assert list(side_by_side(print, [], workers=62)) == []


def test_inputs_that_are_gone_are_made_anew(written):
    whole = (written / "inputs.npy").read_bytes()
    (written / "inputs.npy").unlink()
    write_inputs(written, PLAN)
    assert (written / "inputs.npy").read_bytes() == whole


def test_a_note_that_is_no_text_is_another_data_set(tmp_path):
    (tmp_path / "plan.json").write_bytes(b"\xff")
    with pytest.raises(GspyError, match="holds another data set"):
        write_inputs(tmp_path, PLAN)


def test_a_directory_keeps_to_its_plan(written):
    with pytest.raises(GspyError, match="holds another data set"):
        write_inputs(written, replace(PLAN, seed=2))


def test_figures_are_named_as_gravity_spy_names_them(tmp_path):
    write_figures(tmp_path, count=1, seed=1, classes=["Blip"], strain=True)
    (row,) = read_manifest(tmp_path / "manifest.csv")
    name = f"{row['ifo']}_{row['gravityspy_id']}"
    figures = sorted(path.name for path in tmp_path.glob("Blip/*.png"))
    wanted = [f"{name}_spectrogram_{t}.png" for t in ("0.5", "1.0", "2.0", "4.0")]
    assert figures == wanted
    with Image.open(tmp_path / "Blip" / figures[0]) as figure:
        assert figure.size == (800, 600)
    (strain,) = list_series(tmp_path / "Blip" / f"{name}.hdf5")
    assert strain.ifo == row["ifo"]
    assert strain.rate_hz == RATE_HZ
    assert strain.size >= 16 * RATE_HZ


def test_gwpy_reads_the_strain_of_a_figure(tmp_path, monkeypatch):
    timeseries = pytest.importorskip("gwpy.timeseries")
    monkeypatch.setattr(figures, "_views", lambda *_: ())
    write_figures(tmp_path, count=2, seed=1, classes=["Blip"], strain=True)
    scene = draw_scene("Blip", seed=1, index=1)
    (path,) = tmp_path.glob("Blip/*_S1N000001.hdf5")
    series = timeseries.TimeSeries.read(path)
    assert series.t0.value == 128
    np.testing.assert_array_equal(series.value, scene.strain)
    assert series.sample_rate.value == RATE_HZ
    assert series.duration.value == scene.strain.size / RATE_HZ
    assert series.name == f"{scene.origin.ifo}:GSPY-SIMULATED"
    with h5py.File(path) as file:
        event_time = 128 + scene.event_s
        assert dict(file.attrs) == {"event_time": event_time, "label": "Blip"}


def test_strain_of_two_glitches_is_not_one_stretch(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "_views", lambda *_: ())
    write_figures(tmp_path, count=3, seed=1, classes=["Whistle"], strain=True)
    paths = sorted(tmp_path.glob("Whistle/*.hdf5"))
    held = [list_series(path)[0] for path in paths]
    starts = sorted(float(one.start_gps) for one in held)
    assert starts == [0, 128, 256]
    assert max(one.size / one.rate_hz for one in held) <= 64


def test_figures_that_were_stopped_go_on_to_the_same_bytes(tmp_path):
    def write(workers):
        how = {"seed": 1, "classes": ["Blip"], "strain": True, "workers": workers}
        write_figures(tmp_path, count=2, **how)
        files = (path for path in tmp_path.rglob("*") if path.is_file())
        return {path: path.read_bytes() for path in files}

    whole = write(1)
    manifest = tmp_path / "manifest.csv"
    first, torn = (path for path in sorted(whole) if path.match("*_0.5.png"))
    manifest.write_bytes(whole[manifest][:-9])
    torn.write_bytes(b"")
    before = first.stat()
    assert write(2) == whole
    assert first.stat() == before


def test_two_runs_into_one_folder_cannot_mix(tmp_path):
    ask = "-o", tmp_path, "--classes", "Blip"
    assert simulate(*ask) == (0, "")
    manifest = tmp_path / "manifest.csv"
    before = manifest.read_bytes()
    manifest.write_bytes(before[:-1])
    with alone_in(tmp_path):
        code, err = simulate(*ask)
    reason = f"another gspy is writing {tmp_path}; wait for it, or write elsewhere"
    assert (code, err) == (2, f"gspy: {reason}\n")
    assert manifest.read_bytes() == before[:-1]
    assert simulate(*ask) == (0, "")
    assert manifest.read_bytes() == before


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: write_inputs(folder, PLAN),
        lambda folder: write_figures(folder, count=1, seed=1, classes=["Blip"]),
    ],
)
def test_nothing_is_written_where_another_run_writes(tmp_path, write):
    with (
        alone_in(tmp_path),
        pytest.raises(GspyError, match="another gspy is writing"),
    ):
        write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_figures_of_two_data_sets_do_not_mix(tmp_path):
    write_figures(tmp_path, count=1, seed=1, classes=["Blip"])
    of_strain = {"strain": True}, {"noise": tmp_path}
    of_pictures = {"picture_format": "jpeg"}, {"classes": ["Tomte"]}
    for other in ({"seed": 2}, {"count": 2}, *of_pictures, *of_strain):
        how = {"count": 1, "seed": 1, "classes": ["Blip"]} | other
        with pytest.raises(GspyError, match="holds another data set"):
            write_figures(tmp_path, **how)
    with pytest.raises(GspyError, match="holds another data set"):
        write_inputs(tmp_path, PLAN)
    (tmp_path / "plan.json").unlink()
    with pytest.raises(GspyError, match="holds another data set"):
        write_figures(tmp_path, count=1, seed=1, classes=["Blip"])


def simulate(*options):
    code, _, err = gspy("simulate", "-n", 1, "-q", *options)
    return code, err


@pytest.mark.parametrize("more", [(), ("--inputs", 32)])
def test_a_place_that_cannot_be_written_is_named(tmp_path, more):
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "folder"
    reason = f"gspy: cannot write {place}: "
    code, err = simulate("-o", place, *more)
    assert (code, err.startswith(reason), err.count("\n")) == (2, True, 1)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="there is none here")
def test_a_full_disk_is_told_before_anything_is_simulated(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full)
    code, err = simulate("-o", tmp_path, "--inputs", 32)
    reason = f"gspy: cannot write {tmp_path}: No space left on device\n"
    assert (code, err) == (2, reason)
    assert not (tmp_path / "inputs.npy").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--inputs", 32, "--strain"), "--strain goes with figures, not with --inputs"),
        (("--inputs", 32, "--jpeg"), "--jpeg goes with figures, not with --inputs"),
        (("--classes", "Blip,Tomtes"), "no class 'Tomtes'; did you mean 'Tomte'?"),
    ],
)
def test_what_cannot_be_simulated_is_refused(tmp_path, options, reason):
    assert simulate("-o", tmp_path / "new", *options) == (2, f"gspy: {reason}\n")
    assert not (tmp_path / "new").exists()


def test_figures_are_jpegs_where_that_is_asked(tmp_path):
    assert simulate("-o", tmp_path, "--classes", "Blip", "--jpeg")[0] == 0
    pictures = list((tmp_path / "Blip").iterdir())
    assert {path.suffix for path in pictures} == {".jpg"}
    assert [path.read_bytes()[:3] for path in pictures] == [b"\xff\xd8\xff"] * 4


@pytest.mark.parametrize(
    ("options", "workers"),
    [(("-n", 7), 1), (("-n", 24), 3), (("-n", 960), 4), (("-j", 6), 6)],
)
@pytest.mark.parametrize("kind", ["figures", "inputs"])
def test_all_cores_simulate_but_for_what_is_sooner_done_by_fewer(
    tmp_path, kind, options, workers, monkeypatch
):
    asked = []
    monkeypatch.setattr("gspy_cli.cli.simulate.available_cores", lambda: 4)
    for writer in ("figures.write_figures", "dataset.write_inputs"):
        monkeypatch.setattr(
            f"gspy_cli.simulate.{writer}", lambda *_, **how: asked.append(how)
        )
    more = ("--inputs", 48) if kind == "inputs" else ()
    simulate("-o", tmp_path / "new", *options, *more)
    assert [how["workers"] for how in asked] == [workers]


def test_what_is_asked_of_figures_is_passed_on(tmp_path, monkeypatch):
    asked = {}

    def spy(_, *, on_left_out, **how):
        asked.update(how)
        on_left_out("a.h5 is damaged")

    monkeypatch.setattr(figures, "write_figures", spy)
    options = ("--seed", 7, "--classes", "Blip, Tomte", "--noise", tmp_path, "--strain")
    _, err = simulate("-o", tmp_path / "new", *options)
    assert err == "gspy: left out: a.h5 is damaged\n"
    wanted = {"count": 1, "seed": 7, "classes": ["Blip", "Tomte"], "strain": True}
    assert asked.items() >= (wanted | {"noise": tmp_path}).items()


def test_what_is_asked_of_inputs_is_passed_on(tmp_path, monkeypatch):
    asked = []

    def spy(_, plan, *, on_left_out, **_how):
        asked.append(plan)
        on_left_out("a.h5 is damaged")

    monkeypatch.setattr(dataset, "write_inputs", spy)
    options = ("--seed", 7, "--classes", "Blip,Tomte", "--noise", tmp_path)
    _, err = simulate("-o", tmp_path / "new", "--inputs", 48, *options)
    assert err == "gspy: left out: a.h5 is damaged\n"
    plan = Plan(
        count=1,
        seed=7,
        height=48,
        width=48,
        classes=("Blip", "Tomte"),
        noise=str(tmp_path),
    )
    assert asked == [plan]
