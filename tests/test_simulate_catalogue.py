"""Simulated glitches are loudest where Gravity Spy's training set has them.

Numbers are medians and shares of `peak_frequency` (trainingset_v1d1_metadata.csv,
Zenodo 1476551), read off 2,186 of its 7,966 rows.
"""

import numpy as np
import pytest

from gspy_cli.simulate.clock import make_clock
from gspy_cli.simulate.detectors import draw_floor
from gspy_cli.simulate.scene import place
from gspy_cli.simulate.tiles import loudest_tile
from gspy_cli.simulate.waveforms import WAVEFORMS
from gspy_cli.simulate.waveforms.sweeps import merger

DRAWS = 40


def clock_of_o1(rng):
    return make_clock(
        sample_rate_hz=8192, duration_s=8, floor=draw_floor(rng, run="O1")
    )


def peak_frequencies(label, draws=DRAWS):
    """Frequency of the loudest tile of some draws, without noise, in hertz."""
    found = []
    for index in range(draws):
        rng = np.random.default_rng((9, index))
        clock = clock_of_o1(rng)
        found.append(place(rng, clock, WAVEFORMS[label](rng, clock))[1].frequency_hz)
    return np.array(found)


@pytest.mark.parametrize(
    ("label", "median_hz", "within"),
    [
        ("Blip", 183, 1.5),
        ("Chirp", 149, 1.2),
        ("Koi_Fish", 130, 1.6),
        ("Light_Modulation", 90, 1.6),
        ("Low_Frequency_Lines", 10.8, 1.15),
        ("Repeating_Blips", 138, 1.3),
        ("Tomte", 47, 1.3),
    ],
)
def test_the_median_of_the_loudest_frequencies(label, median_hz, within):
    median = np.median(peak_frequencies(label))
    assert median_hz / within < median < median_hz * within


@pytest.mark.parametrize(
    ("label", "hertz", "within"),
    [
        ("1080Lines", 1080, 1.05),
        ("1400Ripples", 1510, 1.05),
        ("Air_Compressor", 49, 1.1),
        ("Scratchy", 145, 1.6),
    ],
)
def test_lines_and_bars_are_where_their_class_has_them(label, hertz, within):
    median = np.median(peak_frequencies(label, draws=9))
    assert hertz / within < median < hertz * within


def test_nearly_half_of_the_power_lines_are_at_65_hz_and_most_others_at_60():
    found = peak_frequencies("Power_Line")
    at_65, at_60 = (np.mean(np.abs(found - hertz) < 1.5) for hertz in (65.2, 60))
    assert 0.25 < at_65 < 0.6  # of the 82 rows 0.49
    assert 0.25 < at_60 < 0.65


def test_violin_modes_are_loudest_at_the_third_or_fourth():
    assert np.mean(peak_frequencies("Violin_Mode") > 1200) > 0.5  # of 109 rows 0.94


def test_gw150914_is_loudest_at_some_150_hz():
    # Abbott et al. 2016: 150 Hz at its maximum; 39 and 32 solar masses as seen here
    clock = clock_of_o1(np.random.default_rng(0))
    strain = 1e-21 * merger(clock, 39, 32)
    tile = loudest_tile(clock, clock.whiten(strain))
    assert 120 < tile.frequency_hz < 180
