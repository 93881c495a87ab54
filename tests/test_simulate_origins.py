"""Where and when glitches are said to be seen, and what is told of them: no scenes."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.fft import irfft, rfft
from scipy.signal import welch
from threadpoolctl import threadpool_limits

from gspy_cli.simulate import figures
from gspy_cli.simulate import scene as scene_module
from gspy_cli.simulate.clock import make_clock, rfft_frequencies
from gspy_cli.simulate.detectors import Line, draw_floor, draw_lines
from gspy_cli.simulate.injection import _missing, inject
from gspy_cli.simulate.manifest import manifest_row
from gspy_cli.simulate.noise import draw_noise
from gspy_cli.simulate.origins import Origin, draw_origin, with_norm
from gspy_cli.simulate.pulses import sine_gaussian
from gspy_cli.simulate.quiet import KNOWN_HZ, PIECE_S, RATE_HZ
from gspy_cli.simulate.style import draw_early
from gspy_cli.simulate.tiles import Tile
from gspy_cli.simulate.waveform import Waveform, peak, snr
from gspy_cli.strain import drawing
from gspy_cli.strain.drawing import Style
from gspy_cli.strain.eras import Era
from gspy_cli.strain.runs import figure_title

DRAWS = 300


def origins(label):
    return [draw_origin(np.random.default_rng(seed), label) for seed in range(DRAWS)]


@pytest.mark.parametrize(
    ("label", "share"),
    [
        *((label, 0.95) for label in ("1080Lines", "Paired_Doves", "Wandering_Line")),
        *((label, 0.05) for label in ("1400Ripples", "Helix")),
        *(("Air_Compressor", 0.9), ("Whistle", 0.1), ("Fast_Scattering", 0.1)),
        ("Chirp", 0.5),
    ],
)
def test_a_class_is_seen_at_hanford_as_often_as_in_the_training_set(label, share):
    found = np.mean([origin.ifo == "H1" for origin in origins(label)])
    assert found == pytest.approx(share, abs=0.1)


def test_more_than_half_of_the_pictures_are_old_and_fewest_are_the_newest():
    eras = [origin.era for origin in origins("Blip")]
    assert eras.count(Era.OLD) == pytest.approx(0.56 * DRAWS, abs=0.1 * DRAWS)
    assert 0 < eras.count(Era.GWPY) < 0.15 * DRAWS


def test_pictures_of_an_era_are_of_runs_that_were_over_by_then():
    seen = origins("Blip")
    runs = {era: [one.run for one in seen if one.era == era] for era in Era}
    assert {*runs[Era.OLD], *runs[Era.MID]} == {"O1", "O2"}
    assert runs[Era.O3].count("O3") > 0.6 * len(runs[Era.O3])
    assert "O4" not in runs[Era.O3]
    assert runs[Era.GWPY].count("O4") > 0.3 * len(runs[Era.GWPY])


@pytest.mark.parametrize(
    ("era", "norm", "eras"),
    [
        (Era.MID, "any", {Era.MID}),
        (Era.MID, "median", {Era.MID}),
        (Era.MID, "mean", {Era.OLD}),
        (Era.OLD, "median", {Era.MID, Era.O3, Era.GWPY}),
    ],
)
def test_a_glitch_that_one_norm_shows_is_of_an_era_that_has_it(era, norm, eras):
    rng = np.random.default_rng(0)
    found = [with_norm(Origin("L1", "O2", era), rng, norm) for _ in range(30)]
    assert {one.era for one in found} == eras
    assert {(one.ifo, one.run) for one in found} == {("L1", "O2")}


@pytest.mark.parametrize(("era", "share"), [(Era.OLD, 0.35), (Era.MID, 0.0)])
def test_a_third_of_the_old_eras_pictures_are_of_2015(era, share):
    scene = SimpleNamespace(origin=Origin("H1", "O1", era))
    found = np.mean([draw_early(scene, seed=1, index=k) for k in range(DRAWS)])
    assert found == pytest.approx(share, abs=0.08 * (share > 0))


def test_the_manifest_tells_each_number_under_its_name():
    scan = SimpleNamespace(q=5.657, peak_frequency=101.501, snr=12.346)
    origin = Origin("L1", "O2", Era.MID)
    facts = {"kind": "a"}
    scene = SimpleNamespace(
        origin=origin, label="Blip", scan=scan, snr=9.1, facts=facts
    )
    assert manifest_row(scene, name="S1N000007", index=7, early=True) == {
        **{"index": 7, "gravityspy_id": "S1N000007", "ifo": "L1", "label": "Blip"},
        **{"run": "O2", "era": "mid", "early": 1, "q": 5.66, "peak_frequency": 101.5},
        **{"snr": 12.35, "optimal_snr": 9.1, "facts": '{"kind": "a"}'},
    }


@pytest.mark.parametrize(
    ("era", "run", "style"),
    [
        (Era.OLD, "O1", Style.TRAINING),
        (Era.MID, "O2", Style.TRAINING),
        (Era.O3, "O3", Style.O3),
        (Era.GWPY, "O4", Style.O3),
    ],
)
def test_a_figure_is_drawn_in_the_style_of_its_era_at_a_time_of_its_run(
    era, run, style, monkeypatch
):
    drawn = []
    monkeypatch.setattr(drawing, "draw", lambda *_, **how: drawn.append(how))
    scene = SimpleNamespace(origin=Origin("H1", run, era), scan=None)
    for seed in range(10):
        list(figures._views(np.random.default_rng(seed), scene, "png"))
    assert {how["style"] for how in drawn} == {style}
    assert {figure_title("H1", how["gps"]) for how in drawn} == {f"Hanford - {run}"}


def test_each_run_is_quieter_than_the_one_before():
    hertz = np.array([30.0, 100.0, 1000.0])
    floors = [
        np.median(
            [draw_floor(np.random.default_rng(k), run=run).at(hertz) for k in range(9)],
            axis=0,
        )
        for run in ("O1", "O2", "O3", "O4")
    ]
    assert (np.diff(floors, axis=0) < 0).all()


@pytest.mark.parametrize(("ifo", "violins_hz"), [("H1", 504), ("L1", 506.5)])
def test_lines_are_those_of_the_mains_and_of_each_detectors_violins(ifo, violins_hz):
    lines = [draw_lines(np.random.default_rng(seed), ifo=ifo) for seed in range(60)]
    drawn = np.array([[line.frequency_hz for line in one] for one in lines])
    assert {60, 120, 180, 300} <= {*drawn[0]}
    first = drawn[(drawn > 450) & (drawn < 600)]
    assert first.size == 8 * len(drawn)
    assert first.mean() == pytest.approx(violins_hz, abs=0.8)
    for order in (2, 3, 4):
        near = np.abs(drawn / (500 * order) - 1) < 0.08
        assert near.sum() >= 0.95 * first.size


def test_half_of_the_scenes_are_in_real_noise_whose_middle_is_the_event(monkeypatch):
    monkeypatch.setattr(scene_module, "draw_quiet", lambda *_: np.zeros(1))
    rng, quiet = np.random.default_rng(0), np.zeros((1, 1), np.float32)
    drawn = [scene_module._draw_inlay(rng, quiet, 16.25) for _ in range(DRAWS)]
    laid = [inlay for inlay in drawn if inlay]
    assert len(laid) == pytest.approx(DRAWS / 2, abs=DRAWS / 10)
    found = {(one.start_s + PIECE_S / 2, one.sample_rate_hz) for one in laid}
    assert found == {(16.25, RATE_HZ)}
    assert {one.known_hz for one in laid} == {KNOWN_HZ} == {1640}


@pytest.mark.parametrize(
    ("lasts", "energy", "era", "block_s"),
    [
        (False, 100, Era.OLD, 32),
        (False, 200, Era.OLD, 64),
        (True, 100, Era.OLD, 64),
        (True, 200, Era.MID, 32),
    ],
)
def test_a_glitch_that_raises_a_rows_mean_needs_all_of_64_s(
    lasts, energy, era, block_s
):
    glitch = Waveform(np.zeros(1), peak(energy), lasts=lasts)
    tile = Tile(0.0, 100.0, 5.66, energy)
    assert scene_module._block_s(glitch, tile, Origin("H1", "O1", era)) == block_s


@pytest.mark.parametrize(
    ("label", "from_s", "share"), [("No_Glitch", 0.7, 0.25), ("Whistle", 0.4, 0.12)]
)
def test_what_happens_beside_a_glitch_leaves_its_middle_free(
    label, from_s, share, monkeypatch
):
    late_s, names = [], set()

    def spy(_rng, clock, name, _energy, late):
        late_s.append(abs(late))
        names.add(name)
        return np.zeros(clock.times_s.size)

    monkeypatch.setattr(scene_module, "_other", spy)
    monkeypatch.setattr(scene_module, "_blob", lambda *_: 0.0)
    clock = SimpleNamespace(times_s=np.zeros(1))
    for seed in range(DRAWS):
        scene_module._neighbours(np.random.default_rng(seed), clock, label)
    assert len(late_s) == pytest.approx(share * DRAWS, abs=0.08 * DRAWS)
    brief = label == "No_Glitch"
    assert names == {*(scene_module.BRIEF if brief else scene_module.NEIGHBOURS)}
    assert from_s < min(late_s) < from_s + 0.2
    assert 1.8 < max(late_s) < 2


def test_a_fifth_of_the_extended_glitches_are_fainter_but_none_is_lost_in_noise():
    def drawn(loudness):
        rng, glitch = np.random.default_rng(0), Waveform(np.zeros(1), loudness)
        fainter = [scene_module._perhaps_fainter(rng, glitch) for _ in range(DRAWS)]
        return np.array([one.loudness.value for one in fainter])

    values = drawn(peak(30))
    assert np.mean(values < 30) == pytest.approx(0.2, abs=0.06)
    assert values.min() == 18
    assert {*drawn(peak(15))} == {15}
    assert {*drawn(snr(30))} == {30}


@pytest.mark.parametrize(("lasts", "before"), [(True, [3, 4]), (False, [0, 0])])
def test_a_glitch_is_put_about_the_event(lasts, before):
    wave, event_s = np.array([1.0, 2, 3, 4]), 11 / scene_module.SAMPLE_RATE_HZ
    stretch = scene_module._embed(wave, 19, event_s, lasts=lasts)
    assert [*stretch[7:13]] == [*before, 1, 2, 3, 4]


@pytest.mark.parametrize(("anchor", "peak_s"), [(True, 0.0), (False, 1.5)])
def test_the_loudest_tile_is_the_event_where_a_search_would_find_it(anchor, peak_s):
    rng, floor = (
        np.random.default_rng(0),
        draw_floor(np.random.default_rng(0), run="O2"),
    )
    clock = make_clock(sample_rate_hz=4096, duration_s=8, floor=floor)
    burst = sine_gaussian(clock.times_s - 1.5, 200.0, 0.01)
    glitch = Waveform(burst, peak(100), jitter_s=0.0, anchor=anchor)
    moved, _ = scene_module.place(rng, clock, glitch)
    loudest = clock.times_s[np.abs(moved).argmax()]
    assert loudest == pytest.approx(peak_s, abs=0.005)


def test_rows_over_their_median_are_brighter_than_over_their_mean():
    # the median of exponential noise is ln 2 of its mean
    mean, median = (_missing(peak(20), 6.0, era) for era in (Era.OLD, Era.MID))
    assert mean == pytest.approx(0.8 * 20 / 18)  # a tile of SNR 6 has an energy of 18
    assert median / mean == pytest.approx(1 / np.log(2))
    assert _missing(snr(20), 6.0, Era.OLD) == 0  # as loud as asked, however it looks


def band_levels(hertz):
    """Give the power of unit noise in a band, second by second."""
    rng, duration_s, rate_hz = np.random.default_rng(0), 1024, 256
    parts = draw_noise(rng, duration_s=duration_s, sample_rate_hz=rate_hz, lines=[])
    assert parts[0] == 0  # no mean
    bins = rfft_frequencies(duration_s * rate_hz, rate_hz)
    parts[(bins < hertz[0]) | (bins >= hertz[1])] = 0
    power = irfft(parts).reshape(duration_s, rate_hz) ** 2
    return power.mean(axis=1) * (rate_hz / 2) / (hertz[1] - hertz[0])


def test_noise_is_restless_below_40_hz_and_nowhere_else():
    restless, calm = band_levels((4, 40)), band_levels((40, 76))
    assert calm.mean() == pytest.approx(1, abs=0.02)
    assert restless.mean() == pytest.approx(1, abs=0.1)
    drift = restless.var() - calm.var()  # of power, twice that of the level
    assert np.sqrt(drift) / 2 == pytest.approx(0.13, abs=0.03)


def test_a_line_stands_as_high_over_the_floor_as_it_is_said_to():
    rng, rate_hz = np.random.default_rng(0), 512
    lines = [Line(hertz, width_hz=0.02, height=10.0) for hertz in range(45, 255, 10)]
    parts = draw_noise(rng, duration_s=256, sample_rate_hz=rate_hz, lines=lines)
    hertz, power = welch(irfft(parts), rate_hz, nperseg=2 * rate_hz)
    power *= rate_hz / 2  # of the floor
    there = np.isin(hertz, [line.frequency_hz for line in lines])
    assert np.sqrt(power[there].mean()) == pytest.approx(10, rel=0.1)
    assert np.median(power) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(("untypical", "drawn"), [(0, 1), (2, 3), (9, 4)])
def test_a_scene_that_does_not_show_its_class_is_drawn_again(
    untypical, drawn, monkeypatch
):
    states = []

    def draw(rng, *_):
        states.append(rng.random())
        return SimpleNamespace(scan=len(states), value=states[-1])

    monkeypatch.setattr(scene_module, "_draw", draw)
    monkeypatch.setattr(scene_module, "is_typical", lambda _, scan: scan > untypical)
    scene = scene_module.draw_scene("Blip", seed=1, index=2)
    assert (len(set(states)), scene.value) == (drawn, states[-1])


@pytest.mark.parametrize(
    ("era", "energy", "boosts"),
    [
        (Era.OLD, 100, (6, 12)),
        (Era.MID, 100, (6, 12)),
        (Era.MID, 1, (1, 1)),
        (Era.MID, 1e6, (2.5**3, 2.5**3)),  # after so many rounds it stays too faint
    ],
)
def test_a_glitch_that_is_too_faint_is_made_louder_until_it_is_bright_enough(
    era, energy, boosts
):
    rng, size, rate_hz = np.random.default_rng(0), 16 * 4096, 4096
    noise = rfft(rng.standard_normal(size))
    burst = 0.3 * sine_gaussian(np.arange(size) / rate_hz - 8, 200.0, 0.01)
    done = inject(
        peak(energy),
        tile=Tile(0.0, 200.0, 5.66, energy=5.0, rival=5.0),
        noise=noise,
        glitch=rfft(burst),
        event_s=8.0,
        sample_rate_hz=rate_hz,
        era=era,
    )
    assert boosts[0] <= done.boost <= boosts[1]
    np.testing.assert_allclose(done.strain, irfft(noise) + done.boost * burst)
    if energy == 100:
        assert 0.5 < _missing(peak(energy), done.scan.snr, era) <= 1


def test_a_scene_is_drawn_by_one_thread_whatever_their_number(monkeypatch):
    threads = []

    def spy(*_):
        threads.extend(one["num_threads"] for one in scene_module.BLAS.info())
        return True

    monkeypatch.setattr(scene_module, "is_typical", spy)
    with threadpool_limits(2, user_api="blas"):
        scene_module.draw_scene("Blip", seed=1, index=1)
    assert set(threads) == {1}
