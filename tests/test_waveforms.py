"""What waveforms show in time and frequency, without noise and scans."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d

from gspy_cli.simulate import scene
from gspy_cli.simulate.clock import make_clock
from gspy_cli.simulate.detectors import Line, draw_floor
from gspy_cli.simulate.noise import draw_noise
from gspy_cli.simulate.pulses import (
    band_noise,
    flat_top,
    gaussian,
    high_pass,
    sine_gaussian,
    unit,
    walk,
)
from gspy_cli.simulate.tiles import loudest_tile
from gspy_cli.simulate.waveform import lognormal
from gspy_cli.simulate.waveforms import WAVEFORMS, fish, loud, scatter, wandering
from gspy_cli.simulate.waveforms.blips import _even

RATE_HZ = 8192


def clock_of(duration_s):
    floor = draw_floor(np.random.default_rng(0), run="O1")
    return make_clock(sample_rate_hz=RATE_HZ, duration_s=duration_s, floor=floor)


@pytest.fixture(scope="module")
def clock():
    return clock_of(8)


def drawn(label, clock, count):
    """Draw some waveforms of a class."""
    seeds = range(count)
    return [WAVEFORMS[label](np.random.default_rng(seed), clock) for seed in seeds]


def mean_hz(wave):
    """Give the mean frequency of a shape of a second or less."""
    power = np.abs(np.fft.rfft(wave, RATE_HZ)) ** 2
    return np.average(np.arange(power.size), weights=power)


@pytest.mark.parametrize(
    ("label", "fact", "least_s", "most_s"),
    [("Scratchy", "spacing_s", 0.03, 0.1), ("Paired_Doves", "period_s", 0.95, 1.4)],
)
def test_what_repeats_does_so_as_often_as_its_facts_say(
    label, fact, least_s, most_s, clock
):
    for glitch in drawn(label, clock, 5):
        power = uniform_filter1d(glitch.whitened**2, RATE_HZ // 100)[::16]
        power -= uniform_filter1d(power, RATE_HZ // 16)
        alike = np.correlate(power, power, "full")[power.size - 1 :]
        after = glitch.facts[fact] * RATE_HZ / 16
        half, once, more = (
            alike[round((part - 0.1) * after) : round((part + 0.1) * after)].max()
            for part in (0.5, 1, 1.5)
        )
        assert least_s < glitch.facts[fact] < most_s
        assert once > 2 * max(half, more)
        assert once > 0.1 * alike[0]


def test_paired_doves_lean_one_way_and_the_other_in_turn(clock):
    for glitch in drawn("Paired_Doves", clock, 5):
        rising_hz = []
        for at in (0.0, glitch.facts["period_s"]):
            before, after = (
                glitch.whitened[np.abs(clock.times_s - middle) < 0.075]
                for middle in (at - 0.075, at + 0.075)
            )
            rising_hz.append(mean_hz(after) - mean_hz(before))
        assert rising_hz[0] * rising_hz[1] < 0


def test_scattered_light_is_silent_where_its_surface_turns(clock):
    surface = scatter._Surface(0.5, 40, loudest=1, highest=1, span_s=100, fall=0)
    for seed in range(3):
        wave = scatter._arches(np.random.default_rng(seed), clock, surface, 0.0)
        silent = np.abs(wave) < 1e-9
        assert np.sum(silent[1:] & ~silent[:-1]) == 8  # in 8 s of half a swing a second


@pytest.mark.parametrize(
    "make", [scatter._stack, scatter._rungs, scatter._single_arches]
)
def test_surfaces_swing_as_slowly_as_the_ground(make):
    swings_hz = [make(np.random.default_rng(seed)).swing_hz for seed in range(40)]
    assert 0.07 <= min(swings_hz) < max(swings_hz) <= 0.45  # the microseism's band


def test_a_sawing_line_falls_and_jumps_up_again(clock):
    for seed in range(3):
        frequency, _ = wandering._saw(np.random.default_rng(seed), clock)
        steps = np.diff(frequency)
        jumps = np.abs(steps) > 5
        assert -310 < steps[~jumps].mean() * RATE_HZ < -40
        assert jumps.sum() > 5
        assert (steps[jumps] > 0).all()


def test_a_helix_is_a_chain_of_rings_from_64_hz_on(clock):
    for glitch in drawn("Helix", clock, 5):
        power = np.abs(np.fft.rfft(glitch.whitened)) ** 2
        hertz = clock.frequencies_hz
        assert 80 < np.interp(0.5, np.cumsum(power) / power.sum(), hertz) < 250


def test_even_blips_mostly_repeat_every_quarter_or_half_of_a_second():
    places = [_even(np.random.default_rng(seed)) for seed in range(200)]
    nearest_s = np.array([min(map(abs, one)) for one in places])
    for period_s in (0.25, 0.5):
        share = np.mean(np.abs(nearest_s - period_s) < 0.05)
        assert 0.3 < share < 0.6


def test_what_is_drawn_between_bounds_is_between_them():
    rng = np.random.default_rng(0)
    drawn = [lognormal(rng, 10, 0.5, low=8, high=14) for _ in range(60)]
    assert 8 <= min(drawn) < 9
    assert 13 < max(drawn) <= 14


def test_no_glitch_is_at_most_what_a_search_finds_in_noise(clock):
    loudness = [one.loudness for one in drawn("No_Glitch", clock, 40)]
    energies = [one.value for one in loudness]
    assert {one.measure for one in loudness} == {"peak_energy"}
    assert min(energies) == 0
    assert 5 <= max(energies) <= 10


def test_a_lost_lock_is_quiet_and_then_a_wall_of_noise(clock):
    for seed in range(3):
        lost = loud._lock_loss(np.random.default_rng(seed), clock)
        before = lost.whitened[clock.times_s < -0.2]
        after = lost.whitened[np.abs(clock.times_s - 0.6) < 0.2]
        assert np.std(after) > 100 * np.std(before)
        power = np.abs(np.fft.rfft(after)) ** 2
        hertz = np.fft.rfftfreq(after.size, 1 / RATE_HZ)
        assert power[hertz < 100].mean() > 3 * power[hertz > 1500].mean()
        assert lost.loudness.measure == "peak_energy"
        assert 1e4 <= lost.loudness.value <= 5e5
        assert lost.norm == "median"  # a row's mean would hide the wall


def test_what_eclipses_a_picture_is_outside_of_it():
    clock = clock_of(16)
    for seed in range(3):
        eclipse = loud._eclipse(np.random.default_rng(seed), clock)
        loudest_s = clock.times_s[np.abs(eclipse.whitened).argmax()]
        assert abs(loudest_s) > 2
        assert eclipse.norm == "mean"  # that it raises so that all else is dark


def test_what_happens_beside_a_glitch_is_as_late_and_as_bright_as_drawn(clock):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        other = scene._other(rng, clock, "Blip", 40.0, 1.5)
        tile = loudest_tile(clock, other)
        assert tile.time_s == pytest.approx(1.5, abs=0.02)
        assert tile.energy == pytest.approx(40, rel=0.1)
        assert 12 < np.sum(scene._blob(rng, clock) ** 2) < 24


def test_a_flat_top_is_half_as_high_where_it_starts_and_stops():
    times_s = np.array([-1.3, -1, -0.75, 0, 1.75, 2, 2.3])
    heights = [0, 0.5, 1, 1, 1, 0.5, 0]
    assert flat_top(times_s, -1, 2, 0.5) == pytest.approx(heights)


def test_noise_stays_in_its_band_and_a_high_pass_leaves_half_of_its_edge(clock):
    noise = unit(band_noise(np.random.default_rng(0), clock, 100, 200))
    assert np.sum(noise**2) == pytest.approx(1)
    before, after = (
        np.abs(np.fft.rfft(wave)) for wave in (noise, high_pass(clock, noise, 125.0, 8))
    )
    hertz = clock.frequencies_hz
    assert set(hertz[before > 1e-6]) == set(hertz[(hertz >= 100) & (hertz <= 200)])
    at = np.isin(hertz, (100, 125, 200))
    gains = [1 / (1 + 1.25**8), 0.5, 1 / (1 + 0.625**8)]
    assert after[at] / before[at] == pytest.approx(gains)


def test_a_walk_has_unit_spread(clock):
    walked = walk(np.random.default_rng(0), clock, memory_s=0.02)
    assert np.std(walked) == pytest.approx(1, rel=0.1)


def test_a_line_is_as_high_over_the_floor_as_it_says():
    line, powers = Line(100.0, width_hz=0.01, height=50.0), []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        noise = draw_noise(rng, duration_s=16, sample_rate_hz=1024, lines=[line])
        segments = np.fft.irfft(noise).reshape(8, -1) * np.hanning(2048)
        powers.append(np.abs(np.fft.rfft(segments)) ** 2)
    power = np.mean(powers, axis=(0, 1))
    height = np.sqrt(power[200] / np.median(power))
    assert height == pytest.approx(50, rel=0.2)


def test_a_school_of_fish_is_seen_at_its_places(clock):
    bell = gaussian(clock.times_s, 0.01)
    school = fish._joined(0 * bell, [bell, -bell], [(1.0, 0.5), (-2.0, 0.3)], clock)
    at = np.interp([-2, 0, 1], clock.times_s, school)
    assert at == pytest.approx([-0.3, 0, 0.5], abs=1e-6)


def test_two_glitches_of_equal_energy_and_different_q_are_rivals(clock):
    times = clock.times_s
    short = sine_gaussian(times, 200, 0.005)
    apart = 1.02 * sine_gaussian(times - 1, 200, 0.04) * np.sqrt(0.005 / 0.04)
    one, both = (loudest_tile(clock, shape) for shape in (short, short + apart))
    assert one.rival < 0.95 * one.energy
    assert both.rival > 0.8 * both.energy
