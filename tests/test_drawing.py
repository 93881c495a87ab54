"""The drawn figure: everything where Gravity Spy's figures have it."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from conftest import SHARED
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from gspy_cli.figure import Box, find_plot
from gspy_cli.image import network_input, resize
from gspy_cli.strain import drawing, grid
from gspy_cli.strain.drawing import Style, draw
from gspy_cli.strain.picture import plot_pixels
from gspy_cli.strain.qtransform import QScan
from gspy_cli.strain.runs import figure_title
from gspy_cli.strain.times import gps_time

# astropy's, when gwpy is imported
pytestmark = pytest.mark.filterwarnings("ignore:COPY_IF_NEEDED")
REAL = {
    Style.TRAINING: SHARED / "real/Whistle/L1_Ew2FV4Q768_spectrogram_0.5.png",
    Style.O3: SHARED / "real/Koi_Fish/L1_1238652972.764159918_spectrogram_4.0.png",
}
PLOT = np.s_[61:540, 101:674]


@pytest.fixture(scope="module")
def scan() -> QScan:
    """Noise with one blob in the middle."""
    rng = np.random.default_rng(3)
    energies = {}
    for window in (0.5, 1.0, 2.0, 4.0):
        cells = grid.column_count(window)
        y, x = np.mgrid[-1:1:479j, -1 : 1 : cells * 1j]
        blob = 40 * np.exp(-(x**2 + y**2) / 0.02)
        energies[window] = (rng.exponential(1, y.shape) + blob).astype(np.float32)
    return QScan(
        energies=energies,
        frequencies=grid.row_frequencies(),
        q=5.66,
        peak_frequency=128.0,
        peak_time=8.0,
        snr=9.0,
        event_time=8.0,
    )


def pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(png)) as picture:
        return np.asarray(picture.convert("RGB"))


def drawn(scan: QScan, style: Style, window: float = 0.5) -> NDArray[np.uint8]:
    return pixels(draw(scan, window, ifo="L1", gps=1.24e9, style=style))


def marks(line: NDArray[np.uint8]) -> list[int]:
    """Middles of the dark runs along a line of pixels."""
    dark = np.flatnonzero(line.max(axis=-1) < 128)
    runs = np.split(dark, np.flatnonzero(np.diff(dark) > 1) + 1)
    return [round(float(run.mean())) for run in runs if run.size]


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("window", [0.5, 1.0, 2.0, 4.0])
def test_the_plot_shows_the_pixels_of_the_scan(
    scan: QScan, style: Style, window: float
) -> None:
    figure = drawn(scan, style, window)
    assert figure.shape == (600, 800, 3)
    expected = plot_pixels(scan.energies[window])
    np.testing.assert_array_equal(figure[PLOT], expected)


@pytest.mark.parametrize(("style", "grey"), [(Style.TRAINING, 0), (Style.O3, 128)])
def test_the_frame_is_a_line_about_the_plot(
    scan: QScan, style: Style, grey: int
) -> None:
    figure = drawn(scan, style)
    for line in (
        figure[61:540, 100],
        figure[61:540, 674],
        figure[60, 101:674],
        figure[540, 101:674],
    ):
        # Ticks end on the frame, and are black.
        assert (line == grey).all(axis=-1).mean() > 0.97


def test_ticks_mark_octaves_and_quarters_of_the_window(scan: QScan) -> None:
    figure = drawn(scan, Style.TRAINING)
    assert marks(figure[:541, 96]) == [60, 123, 185, 248, 310, 373, 435, 498]
    assert marks(figure[543, :700]) == [100, 244, 387, 531, 674]


@pytest.mark.parametrize("style", Style)
def test_the_figure_matches_a_real_one(scan: QScan, style: Style) -> None:
    if not REAL[style].exists():
        pytest.skip("the real pictures are not here")
    with Image.open(REAL[style]) as picture:
        real = np.asarray(picture.convert("RGB"))
    figure = drawn(scan, style)
    assert figure.shape == real.shape
    for place in (np.s_[:541, 96], np.s_[543, :700]):
        np.testing.assert_allclose(marks(figure[place]), marks(real[place]), atol=2)
    bar = np.s_[50:550, 688:730]
    difference = figure[bar].astype(int) - real[bar].astype(int)
    assert (np.abs(difference).max(axis=-1) > 8).mean() < 0.01


def test_newer_figures_have_lines_across_their_colour_bar(scan: QScan) -> None:
    older, newer = (drawn(scan, style)[64:537, 697:712] for style in Style)
    rows = 64 + np.flatnonzero((older != newer).any(axis=(1, 2)))
    lines = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    heights = [(540 - line.mean()) / 479 * 25.5 for line in lines]
    np.testing.assert_allclose(heights, [25, 20, 15, 10, 5], atol=0.1)


@pytest.mark.parametrize("style", Style)
def test_a_drawn_figure_gives_the_input_that_the_energies_give(
    scan: QScan, style: Style
) -> None:
    figure = drawn(scan, style)
    assert find_plot(figure) == Box(left=101, top=61, right=674, bottom=540)
    by_figure = network_input(figure, height=224, width=224)
    direct = resize(plot_pixels(scan.energies[0.5]), height=224, width=224)
    np.testing.assert_array_equal(by_figure, direct)


@pytest.mark.parametrize("side", [96, 160, 224, 700])
def test_a_resized_plot_is_pillows_bilinear_to_a_shade(scan: QScan, side: int) -> None:
    plot = plot_pixels(scan.energies[0.5])
    plain = Image.fromarray(plot).resize((side, side), Image.Resampling.BILINEAR)
    ours = resize(plot, height=side, width=side).astype(int)
    assert np.abs(ours - np.asarray(plain)).mean() < 1.5


def test_pixels_are_averaged_by_whole_numbers_first(scan: QScan) -> None:
    plot = plot_pixels(scan.energies[0.5])[:448, :448]
    means = np.asarray(Image.fromarray(plot).reduce(2))
    np.testing.assert_array_equal(resize(plot, height=224, width=224), means)


def test_a_plot_is_resized_alike_however_it_lies_in_memory(scan: QScan) -> None:
    plot = plot_pixels(scan.energies[0.5])
    for view in (plot[::-1], plot[:, ::-1], plot[20:300, 40:500]):
        np.testing.assert_array_equal(
            resize(view, height=96, width=96), resize(view.copy(), height=96, width=96)
        )


def test_the_same_scan_is_drawn_alike_after_gwpy_is_imported(scan: QScan) -> None:
    before = draw(scan, 1.0, ifo="H1", gps=None)
    import gwpy.plot  # noqa: F401

    drawing._frame.cache_clear()
    assert draw(scan, 1.0, ifo="H1", gps=None) == before


def test_a_figure_does_not_depend_on_those_drawn_before(scan: QScan) -> None:
    first = draw(scan, 1.0, ifo="H1", gps=None)
    dark = replace(scan, energies={w: 0 * e for w, e in scan.energies.items()})
    draw(dark, 1.0, ifo="H1", gps=None)
    draw(scan, 1.0, ifo="H1", gps=None, annotate=True)
    draw(scan, 1.0, ifo="H1", gps=None, style=Style.TRAINING)
    assert draw(scan, 1.0, ifo="H1", gps=None) == first


def test_annotations_stay_outside_the_plot(scan: QScan) -> None:
    plain = drawn(scan, Style.O3)
    noted = pixels(draw(scan, 0.5, ifo="L1", gps=1.24e9, annotate=True))
    np.testing.assert_array_equal(noted[PLOT], plain[PLOT])
    assert find_plot(noted) == find_plot(plain)
    rows, columns = (plain != noted).any(axis=-1).nonzero()
    red = (noted[rows, columns].astype(int) @ (1, -1, 0)) > 200
    assert (set(rows[red]) & set(range(310, 315))) != set()  # 128 Hz, at the right
    assert (set(columns[red & (rows < 60)]) & {387}) != set()  # the event's own time


def test_a_figure_says_what_it_shows(scan: QScan, monkeypatch) -> None:
    kept: list[Figure] = []
    save = Figure.savefig

    def spy(figure: Figure, *where: object, **how: object) -> None:
        kept.append(figure)
        save(figure, *where, **how)

    monkeypatch.setattr(Figure, "savefig", spy)
    late = replace(scan, peak_time=8.3)
    for window in (0.5, 4.0):
        draw(late, window, ifo="H1", gps=1126259462.4, annotate=True)
    axes = kept[1].axes[0]
    assert axes.get_title() == "Hanford - O1"
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    assert ticks == ["-2.0", "-1.0", "0.0", "1.0", "2.0"]
    assert "red: loudest tile, +300 ms, 128.0 Hz, SNR 9.0, Q 5.66" in (
        kept[1].texts[0].get_text()
    )
    # in half a second the loudest tile is seen on the frequency axis alone
    marked = [[line.get_xdata()[0] for line in one.axes[0].lines] for one in kept]
    assert marked == [[0.0, 1.013], [0.0, 1.013, pytest.approx(0.3)]]


@pytest.mark.parametrize(
    ("ifo", "gps", "expected"),
    [
        ("L1", 1238652972.76, "Livingston - O3"),
        ("H1", 1126259462.4, "Hanford - O1"),
        ("V1", 1187008882.4, "VIRGO - O2"),
        ("H1", 1269363618.0, "Hanford"),
        ("H1", None, "Hanford"),
        ("X9", 1126259462.4, "X9 - O1"),
    ],
)
def test_the_title_names_the_detector_and_its_run(
    ifo: str, gps: float | None, expected: str
) -> None:
    assert figure_title(ifo, gps) == expected


# as gwosc.org/O1 and the pages of the other runs have them, in UTC
RUN_DATES = {
    "O1": [("2015-09-12T00:00", "2016-01-19T16:00")],
    "O2": [("2016-11-30T16:00", "2017-08-25T22:00")],
    "O3": [
        ("2019-04-01T15:00", "2019-10-01T15:00"),
        ("2019-11-01T15:00", "2020-03-27T17:00"),
    ],
    "O4": [("2023-05-24T15:00", "2024-01-16T16:00")],
    "O4b": [("2024-04-10T15:00", "2025-01-28T17:00")],
    "O4c": [("2025-01-28T17:00", "2025-11-18T16:00")],
}


@pytest.mark.parametrize("run", RUN_DATES)
def test_a_run_is_titled_from_its_first_second_to_its_last(run: str) -> None:
    for dates in RUN_DATES[run]:
        start, end = map(gps_time, dates)
        titles = [figure_title("H1", gps) for gps in (start - 1, start, end - 1, end)]
        assert titles[1:3] == [f"Hanford - {run}"] * 2
        assert titles[0] != titles[1]
        assert titles[2] != titles[3]
