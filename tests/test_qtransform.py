"""The Q-scan: held against gwpy's on real strain, and against physics."""

from functools import partial

import numpy as np
import pytest
from conftest import SHARED
from numpy.typing import NDArray

from gspy_cli.errors import GspyError
from gspy_cli.image import resize
from gspy_cli.strain import grid, interpolation, qtransform
from gspy_cli.strain.eras import Era
from gspy_cli.strain.picture import plot_pixels
from gspy_cli.strain.qtransform import QScan, q_scan, tile_planes, whiten_strain

STRAIN = SHARED / "strain"
RATE = 4096
# Where gwpy stops for 4096 Hz data: the highest row whose tiles end at Nyquist.
GWPY_TOP_HZ = RATE / 2 / (1 + np.sqrt(11) / (4 * np.sqrt(2))) - 1e-6
FRANGE = (10.0, GWPY_TOP_HZ)

# astropy's, when gwpy is imported
pytestmark = pytest.mark.filterwarnings("ignore:COPY_IF_NEEDED")
needs_strain = pytest.mark.skipif(
    not STRAIN.exists(), reason="the real strain is not here"
)


def noise(duration_s: float = 16, rate: int = RATE, seed: int = 1) -> NDArray:
    """White noise with a strong 60 Hz line."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(duration_s * rate)) / rate
    line = 0.3 * np.sin(2 * np.pi * 60 * time)
    return 1e-23 * (rng.normal(size=time.size) + line)


def with_burst(
    strain: NDArray, *, at_s: float, hz: float, q: float, amplitude: float, rate: int
) -> NDArray:
    """Add a sine-Gaussian, `amplitude` times the noise."""
    time = np.arange(strain.size) / rate - at_s
    envelope = np.exp(-((2 * np.pi * hz * time / q) ** 2))
    return strain + 1e-23 * amplitude * envelope * np.cos(2 * np.pi * hz * time)


def with_lock_loss(noise_after: float) -> NDArray:
    """Give 16 s of strain that are useless from 12 s on."""
    strain = with_burst(noise(), at_s=8, hz=300, q=30, amplitude=2, rate=RATE)
    strain[12 * RATE :] += np.random.default_rng(0).normal(0, noise_after, 4 * RATE)
    return strain


def real_glitch(name: str) -> NDArray:
    import h5py

    with h5py.File(STRAIN / "glitch_segments.hdf5") as file:
        return file[name][:].astype(float)


def real_chirp(ifo: str) -> NDArray:
    import h5py

    path = STRAIN / f"{ifo[0]}-{ifo}_LOSC_4_V2-1126259446-32.hdf5"
    with h5py.File(path) as file:
        return file["strain/Strain"][:]


def gwpy_scan(
    strain: NDArray,
    event_s: float,
    rate: int = RATE,
    frange: tuple = FRANGE,
    **options: str,
):
    from gwpy.timeseries import TimeSeries

    series = TimeSeries(strain, sample_rate=rate, t0=0)
    return series.q_transform(
        qrange=(4, 64),
        frange=frange,
        gps=event_s,
        search=0.5,
        tres=grid.TIME_STEP_S,
        fres=grid.FREQUENCY_STEP_HZ,
        outseg=(event_s - 2, event_s + 2),
        whiten=True,
        **options,
    )


def assert_agrees(scan: QScan, expected: NDArray, window_s: float = 4.0) -> None:
    """Compare with energies on gwpy's own grid (time, frequency)."""
    rows = ((scan.frequencies - 10) / grid.FREQUENCY_STEP_HZ).astype(int)
    inside = rows < expected.shape[1]
    ours = scan.energies[window_s][inside]
    theirs = expected[: ours.shape[1], rows[inside]].T
    difference = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-3)
    assert np.median(difference) < 0.001
    assert np.percentile(difference, 99) < 0.02


def check_against_gwpy(strain: NDArray, event_s: float) -> None:
    expected = gwpy_scan(strain, event_s)
    scan = q_scan(strain, sample_rate_hz=RATE, event_s=event_s, frange=FRANGE)
    assert scan.q == pytest.approx(expected.q)
    assert_agrees(scan, expected.value)


@needs_strain
@pytest.mark.parametrize(
    "name",
    [
        "O3a/H1/Blip/0",
        "O3a/H1/Scattered_Light/0",
        "O3a/L1/Tomte/1",
        "O3a/L1/Whistle/0",
        "O3b/L1/Light_Modulation/1",
    ],
)
def test_a_real_glitch_has_the_energies_that_gwpy_gives(name: str) -> None:
    check_against_gwpy(real_glitch(name), 7.0)


@needs_strain
@pytest.mark.slow
def test_every_real_glitch_has_the_energies_that_gwpy_gives() -> None:
    classes = ("Blip", "Tomte", "Light_Modulation", "Scattered_Light", "Whistle")
    for run in ("O3a", "O3b"):
        for ifo in ("H1", "L1"):
            for name in (f"{run}/{ifo}/{c}/{i}" for c in classes for i in (0, 1)):
                check_against_gwpy(real_glitch(name), 7.0)


@needs_strain
@pytest.mark.parametrize("ifo", ["H1", "L1"])
def test_the_first_gravitational_wave_has_the_energies_that_gwpy_gives(
    ifo: str,
) -> None:
    check_against_gwpy(real_chirp(ifo), 16.4)


@pytest.mark.parametrize("samples", [13 * RATE, 40001, 40003])
def test_simulated_noise_has_the_energies_that_gwpy_gives(samples: int) -> None:
    strain = noise(duration_s=13)[:samples]
    burst = with_burst(strain, at_s=5, hz=300, q=30, amplitude=2, rate=RATE)
    check_against_gwpy(burst, 5.0)


@pytest.mark.parametrize("noise_after", [1e-19, 1e-14])
def test_a_lock_loss_nearby_leaves_the_energies_that_gwpy_gives(
    noise_after: float,
) -> None:
    check_against_gwpy(with_lock_loss(noise_after), 8.0)


def test_those_of_o3_are_whitened_by_the_mean_of_periodograms() -> None:
    strain = with_burst(noise(13), at_s=5, hz=300, q=30, amplitude=2, rate=RATE)
    expected = gwpy_scan(strain, 5.0, method="welch")
    how = {"sample_rate_hz": RATE, "event_s": 5.0, "frange": FRANGE}
    assert_agrees(q_scan(strain, era=Era.O3, **how), expected.value)


def test_a_block_as_gravity_spy_takes_it_has_the_energies_that_gwpy_gives() -> None:
    rate = 16384
    strain = with_burst(
        noise(64, rate), at_s=32.3, hz=1500, q=60, amplitude=2, rate=rate
    )
    expected = gwpy_scan(strain, 32.3, rate, (10, 2048))
    scan = q_scan(strain, sample_rate_hz=rate, event_s=32.3)
    assert scan.q == pytest.approx(expected.q)
    assert_agrees(scan, expected.value)


def reference_old_scan(
    strain: NDArray, event_s: float, window_s: float, *, mean: bool
) -> tuple[float, NDArray]:
    """Do what gwpy 0.6 (mean) or 0.8 (median) did, step by step and slowly.

    Gives the Q, and energies on 0.5 Hz rows from 10 Hz, shape (time, frequency).
    """
    from gwpy.signal.qtransform import QTiling
    from scipy.interpolate import InterpolatedUnivariateSpline, RectBivariateSpline
    from scipy.signal import get_window

    length = 2 * RATE
    window = get_window("hann", length)
    starts = range(0, strain.size - length + 1, RATE)
    parts = [strain[s : s + length] for s in starts]
    spectra = [np.fft.rfft((p - p.mean()) * window) for p in parts]
    power = np.abs(np.array(spectra)) ** 2
    if mean:
        pairs = len(power) // 2 * 2
        psd = sum(np.median(power[i:pairs:2], axis=0) for i in (0, 1)) / 2
    else:
        psd = power.mean(axis=0)
    white = np.zeros(strain.size)
    for s, spectrum in zip(starts, spectra, strict=True):
        white[s : s + length] += np.fft.irfft(spectrum / np.sqrt(psd))

    spectrum = np.fft.rfft(white)
    duration_s = strain.size / RATE
    norm = "mean" if mean else "median"
    best_q, best_energy = 0.0, 0.0
    for plane in QTiling(duration_s, RATE, (4, 64), FRANGE):
        rows = [tile.transform(spectrum, norm=norm, epoch=0) for tile in plane]
        peak = max(r.crop(event_s - 0.5, event_s + 0.5).value.max() for r in rows)
        if peak > best_energy:
            best_q, best_energy = plane.q, peak
            centres, loudest = plane.frequencies, rows

    start_s = event_s - window_s / 2
    times = start_s + 0.002 * np.arange(round(window_s / 0.002))
    margin_s = 0.0 if window_s / loudest[0].dt.value >= 4 else window_s / 2
    lines = []
    for row in loudest:
        cut = row.crop(start_s - margin_s, start_s + window_s + margin_s)
        lines.append(InterpolatedUnivariateSpline(cut.times.value, cut.value)(times))
    surface = RectBivariateSpline(times, centres, np.array(lines).T)
    return best_q, surface(times, np.arange(10, GWPY_TOP_HZ, 0.5) + 0.25)


@pytest.mark.parametrize(("era", "mean"), [(Era.OLD, True), (Era.MID, False)])
@pytest.mark.parametrize("window_s", [0.5, 2.0, 4.0])
@pytest.mark.parametrize("burst_q", [12, 80])
def test_the_first_eras_are_those_of_their_gwpy(
    era: Era, mean: bool, window_s: float, burst_q: float
) -> None:
    strain = with_burst(noise(), at_s=7.9, hz=50, q=burst_q, amplitude=1, rate=RATE)
    q, expected = reference_old_scan(strain, 8.0, window_s, mean=mean)
    scan = q_scan(strain, sample_rate_hz=RATE, event_s=8.0, era=era, frange=FRANGE)
    assert scan.q == pytest.approx(q)
    assert_agrees(scan, expected, window_s)


@pytest.mark.parametrize("era", Era)
def test_every_era_draws_the_half_second_of_its_slowest_rows(era: Era) -> None:
    line = with_burst(noise(64), at_s=32, hz=20, q=200, amplitude=0.5, rate=RATE)
    scan = q_scan(line, sample_rate_hz=RATE, event_s=32.0, era=era)
    assert scan.q == pytest.approx(45.25, abs=0.01)
    assert np.isfinite(scan.energies[0.5]).all()


@pytest.mark.parametrize("rate", [4096, 16384])
@pytest.mark.parametrize(("hz", "q"), [(40.0, 6.0), (350.0, 12.0), (900.0, 40.0)])
def test_a_burst_peaks_at_its_own_time_and_frequency(
    rate: int, hz: float, q: float
) -> None:
    strain = with_burst(noise(8, rate), at_s=4.1, hz=hz, q=q, amplitude=3, rate=rate)
    scan = q_scan(strain, sample_rate_hz=rate, event_s=4.0)
    assert scan.peak_time == pytest.approx(4.1, abs=0.1 * q / hz)
    assert scan.peak_frequency == pytest.approx(hz, rel=0.15)
    energies = scan.energies[4.0]
    row, column = np.unravel_index(energies.argmax(), energies.shape)
    assert scan.frequencies[row] == pytest.approx(hz, rel=0.15)
    assert 2.0 + column * 0.002 == pytest.approx(4.1, abs=0.1 * q / hz + 0.002)
    assert energies.max() == pytest.approx(scan.snr**2 / 2, rel=0.25)


@pytest.mark.parametrize(
    ("era", "mean"), [(Era.OLD, 1.0), (Era.MID, 1.44), (Era.O3, 1.44)]
)
def test_noise_has_the_mean_energy_of_its_era(era: Era, mean: float) -> None:
    scan = q_scan(noise(64), sample_rate_hz=RATE, event_s=32.0, era=era)
    high = scan.energies[4.0][scan.frequencies > 100]
    assert high.mean() == pytest.approx(mean, abs=0.08)


@pytest.mark.parametrize(
    ("era", "peak_s"), [(Era.OLD, 8.4), (Era.MID, 8.4), (Era.O3, 8.0), (Era.GWPY, 8.0)]
)
def test_the_first_eras_look_twice_as_far_for_the_loudest_tile(
    era: Era, peak_s: float
) -> None:
    near = with_burst(noise(), at_s=8, hz=200, q=12, amplitude=2, rate=RATE)
    both = with_burst(near, at_s=8.4, hz=200, q=12, amplitude=4, rate=RATE)
    scan = q_scan(both, sample_rate_hz=RATE, event_s=8.0, era=era)
    assert scan.peak_time == pytest.approx(peak_s, abs=0.02)


def test_four_kilohertz_data_give_the_picture_of_sixteen() -> None:
    from scipy.signal import resample

    fine = with_burst(noise(16, 16384), at_s=8, hz=500, q=8, amplitude=4, rate=16384)
    coarse = resample(fine, fine.size // 4)
    a = q_scan(fine, sample_rate_hz=16384, event_s=8.0)
    b = q_scan(coarse, sample_rate_hz=4096, event_s=8.0)
    assert a.q == b.q
    assert a.peak_frequency == b.peak_frequency
    below = a.frequencies < 1200
    np.testing.assert_allclose(
        a.energies[1.0][below], b.energies[1.0][below], rtol=0.1, atol=0.3
    )


def test_windows_are_cut_about_the_event() -> None:
    scan = q_scan(noise(), sample_rate_hz=RATE, event_s=6.5)
    assert {w: e.shape for w, e in scan.energies.items()} == {
        0.5: (479, 250),
        1.0: (479, 500),
        2.0: (479, 1000),
        4.0: (479, 2000),
    }
    np.testing.assert_array_equal(scan.energies[0.5], scan.energies[4.0][:, 875:1125])
    assert all(e.dtype == np.float32 for e in scan.energies.values())


def test_a_scan_leaves_the_strain_as_it_was() -> None:
    strain = noise()
    before = strain.copy()
    q_scan(strain, sample_rate_hz=RATE, event_s=8.0)
    np.testing.assert_array_equal(strain, before)


@pytest.mark.parametrize("scale", [1e23, 1e-288, 1e-275, 1e300])
def test_the_scale_of_the_strain_does_not_matter(scale: float) -> None:
    strain = noise()
    a = q_scan(strain, sample_rate_hz=RATE, event_s=8.0)
    b = q_scan(strain * scale, sample_rate_hz=RATE, event_s=8.0)
    np.testing.assert_allclose(a.energies[4.0], b.energies[4.0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("era", Era)
def test_a_whitened_spectrum_is_of_single_precision(era: Era) -> None:
    whitened = whiten_strain(noise(), sample_rate_hz=RATE, era=era)
    assert whitened.spectrum.dtype == np.complex64


def test_a_mean_is_of_all_tiles_though_only_the_near_ones_are_cut() -> None:
    loud = {"hz": 300, "q": 20, "rate": RATE}
    strain = with_burst(noise(64), at_s=40, amplitude=20, **loud)
    strain = with_burst(strain, at_s=32, amplitude=3, **loud)
    whitened = whiten_strain(strain, sample_rate_hz=RATE, era=Era.OLD)
    (near,), (whole,) = (
        tile_planes(whitened, whitened.planes[2:3], keep_s=keep_s).planes
        for keep_s in ((30, 34), (0, 64))
    )
    for few, first, every in zip(
        near.energies, near.firsts, whole.energies, strict=True
    ):
        same = every[:, first : first + few.shape[1]]
        np.testing.assert_allclose(few, same, rtol=1e-5, atol=1e-4)


def test_tiles_that_are_further_away_would_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scan = partial(q_scan, noise(), sample_rate_hz=RATE, event_s=8.0)
    near = scan()
    for module in (qtransform, interpolation):
        monkeypatch.setattr(module, "SPLINE_REACH", 64)
    all_of_them = scan().energies[4.0]
    np.testing.assert_allclose(near.energies[4.0], all_of_them, rtol=0, atol=1e-5)


def broken(**change: object) -> tuple[NDArray, float, float]:
    """Give strain, rate and event time of a scan that is sound but for `change`."""
    strain = noise()
    for name, where in change.items():
        value = {"nan": np.nan, "flat": 1e-21, "zeros": 0.0}[name]
        strain[where] = value
    return strain, RATE, 8.0


@pytest.mark.parametrize(
    ("strain", "rate", "event_s", "reason"),
    [
        (noise(4), RATE, 2.0, "too short: 4 s.*read more"),
        (noise(16), RATE, 2.0, "too near the edge.*at least 3 s"),
        (noise(16), RATE, 14.0, "too near the edge"),
        (noise(16, 1024), 1024, 8.0, "too low: 1024 Hz.*need 4096 Hz; use the 4"),
        (noise(16), 4096.5, 8.0, "4096.5 Hz, not a whole number; resample"),
        (np.full(16 * RATE, 3e-21), RATE, 8.0, "constant"),
        (*broken(nan=slice(20480, 20490)), "gap .NaN. 5 s after its start"),
        (*broken(flat=slice(20480, 30000)), "gap .one value repeated. 5 s after"),
        (*broken(zeros=slice(20480, 20490)), "gap .zeros. 5 s after"),
        (np.tile([1e-21, -1e-21], 8 * RATE), RATE, 8.0, "no noise at"),
        (with_lock_loss(1e-6), RATE, 8.0, "cannot be scanned: .* times louder"),
    ],
)
def test_strain_that_cannot_be_scanned_is_refused_with_the_remedy(
    strain: NDArray, rate: float, event_s: float, reason: str
) -> None:
    with pytest.raises(GspyError, match=reason) as refusal:
        q_scan(strain, sample_rate_hz=rate, event_s=event_s)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("window_s", [0.5, 1.0, 2.0, 4.0])
def test_pixels_are_those_that_matplotlib_draws(window_s: float) -> None:
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = grid.column_count(window_s)
    edges_hz = np.arange(10, 522.5, 0.5)  # the lowest 1024 rows: 4076 take long
    mesh = np.random.default_rng(0).exponential(6, (1024, columns))
    mesh = mesh.astype(np.float32)
    with matplotlib.style.context("default"):  # gwpy changes it
        figure = Figure(figsize=(8, 6), dpi=100)
        axes = figure.add_axes((0.125, 0.1, 0.775 / 1.08, 0.8))
        axes.pcolormesh(np.arange(columns + 1), edges_hz, mesh, vmin=0, vmax=25.5)
        axes.set_yscale("log", base=2)
        axes.set(xlim=(0, columns), ylim=(10, 2048))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())[61:540, 101:674, :3]

    cells = ((grid.row_frequencies() - 10) / 0.5).astype(int)
    drawn, cells = drawn[cells < 1024], cells[cells < 1024]
    pixels = plot_pixels(mesh[cells])
    # The frame's soft edge covers the outermost pixels, and float32 rounds.
    np.testing.assert_allclose(
        pixels[1:-1, 1:-1].astype(int), drawn[1:-1, 1:-1].astype(int), atol=1
    )


def test_pixels_saturate_at_the_top_of_the_colour_bar() -> None:
    energies = np.zeros((479, 250), np.float32)
    energies[:200], energies[-1] = 1e9, -1.0
    pixels = plot_pixels(energies)
    assert pixels[0, 0].tolist() == [253, 231, 37]
    assert pixels[300, 0].tolist() == [68, 1, 84]
    assert pixels[-1, 0].tolist() == [68, 1, 84]


def test_a_plot_becomes_a_network_input() -> None:
    scan = q_scan(noise(), sample_rate_hz=RATE, event_s=8.0)
    image = resize(plot_pixels(scan.energies[0.5]), height=140, width=170)
    assert image.shape == (140, 170, 3)
    assert image.dtype == np.uint8
