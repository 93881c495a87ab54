"""The whole 800 x 600 figure, as Gravity Spy draws it."""

from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from io import BytesIO

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gspy_cli.strain import grid
from gspy_cli.strain.picture import MAX_ENERGY, plot_pixels
from gspy_cli.strain.qtransform import QScan
from gspy_cli.strain.runs import figure_title
from gspy_cli.viridis import VIRIDIS

WIDTH, HEIGHT, DPI = 800, 600, 100
BAR_LEFT = grid.AXES_LEFT + 1.03 * grid.AXES_WIDTH
BAR_WIDTH = 0.05 * grid.AXES_WIDTH
TICKS_HZ = tuple(2**octave for octave in range(4, 12))
TITLE_SIZE, LABEL_SIZE, TIME_SIZE, BAR_LABEL_SIZE, TICK_SIZE = 20, 20, 15, 15, 12
NOTE_SIZE = 9
# One pixel, in points. Matplotlib's 0.8 shades the plot's outermost pixels, by which
# a figure and its energies would get confidences that differ by up to 0.13.
FRAME_WIDTH = 72 / DPI


class Style(StrEnum):
    """Which pictures the figure resembles."""

    TRAINING = "training"  # the training set of 2017-18
    O3 = "o3"  # 2019-20


_FONTS = ["Nimbus Sans", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"]
_SETTINGS = {  # of matplotlib
    Style.TRAINING: {"axes.edgecolor": "black", "font.sans-serif": ["DejaVu Sans"]},
    Style.O3: {"axes.edgecolor": "gray", "font.sans-serif": _FONTS},
}


def draw(
    scan: QScan,
    window_s: float,
    *,
    ifo: str,
    gps: Decimal | float | None,
    style: Style = Style.O3,
    annotate: bool = False,
) -> bytes:
    """Draw one window of a Q-scan; gives the bytes of a PNG file.

    The GPS time only chooses the run in the title. With `annotate`, marks and a
    line of text outside the plot, where no classifier looks, tell of the event.
    """
    heading = figure_title(ifo, gps)
    if annotate:
        figure = _draw_frame(window_s, heading, style, scan)
    else:
        figure = _frame(window_s, heading, style).copy()
    plot = Image.fromarray(plot_pixels(scan.energies[window_s]))
    figure.paste(plot, (grid.PLOT_LEFT, grid.PLOT_TOP))  # just inside the frame
    software = PngInfo()
    software.add_text("Software", "gspy")
    png = BytesIO()
    # A level of 4 is quicker than 6, and the file hardly larger.
    figure.save(png, "PNG", pnginfo=software, dpi=(DPI, DPI), compress_level=4)
    return png.getvalue()


@lru_cache(maxsize=64)  # enough for all windows, detectors and runs; 2 MB each
def _frame(window_s: float, heading: str, style: Style) -> Image.Image:
    return _draw_frame(window_s, heading, style, None)


def _draw_frame(
    window_s: float, heading: str, style: Style, annotated: QScan | None
) -> Image.Image:
    """Draw all but the plot's pixels: what takes matplotlib its time."""
    # gwpy changes matplotlib's defaults when it is imported.
    with matplotlib.style.context(["default", _SETTINGS[style]]):
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
        axes = figure.add_axes(_place(grid.AXES_LEFT, grid.AXES_WIDTH))
        _label(axes, window_s, heading)
        _add_colour_bar(figure, style)
        if annotated:
            _annotate(figure, axes, annotated, window_s)
        pixels = BytesIO()
        figure.savefig(pixels, format="rgba")
    return Image.frombytes("RGBA", (WIDTH, HEIGHT), pixels.getvalue())


def _place(left: float, width: float) -> tuple[float, float, float, float]:
    """Fractions of the figure for axes as tall as the plot, from pixels."""
    bottom = HEIGHT - grid.AXES_TOP - grid.AXES_HEIGHT
    return left / WIDTH, bottom / HEIGHT, width / WIDTH, grid.AXES_HEIGHT / HEIGHT


def _label(axes: Axes, window_s: float, heading: str) -> None:
    for side in axes.spines.values():
        side.set_linewidth(FRAME_WIDTH)
    axes.set_title(heading, fontsize=TITLE_SIZE, y=1.05)
    axes.set_xlabel("Time (s)", fontsize=LABEL_SIZE, labelpad=0.1)
    axes.set_ylabel("Frequency (Hz)", fontsize=LABEL_SIZE)
    times = np.linspace(-window_s / 2, window_s / 2, 5)
    axes.set_xlim(times[0], times[-1])
    axes.set_xticks(times, [str(float(time)) for time in times], fontsize=TIME_SIZE)
    axes.set_yscale("log", base=2)
    axes.set_ylim(grid.LOW_HZ, grid.HIGH_HZ)
    axes.yaxis.set_major_locator(FixedLocator(TICKS_HZ))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.tick_params(axis="y", labelsize=TICK_SIZE)


def _add_colour_bar(figure: Figure, style: Style) -> None:
    colours = ScalarMappable(Normalize(0, MAX_ENERGY), ListedColormap(VIRIDIS / 255))
    axes = figure.add_axes(_place(BAR_LEFT, BAR_WIDTH))
    bar = figure.colorbar(colours, cax=axes)
    bar.set_label("Normalized energy", size=BAR_LABEL_SIZE)
    axes.tick_params(labelsize=TICK_SIZE)
    if style == Style.O3:
        axes.set_axisbelow(False)
        axes.grid(visible=True, axis="y", color="#b0b0b0", linewidth=0.5)


def _annotate(figure: Figure, axes: Axes, scan: QScan, window_s: float) -> None:
    """Point at the event and at its loudest tile from above and from the right."""
    late_s = scan.peak_time - scan.event_time
    across, along = axes.get_xaxis_transform(), axes.get_yaxis_transform()
    marks = [
        (0.0, 1.012, "v", "black", across),
        (1.013, scan.peak_frequency, "<", "red", along),
    ]
    if abs(late_s) <= window_s / 2:
        marks.append((late_s, 1.012, "v", "red", across))
    for x, y, shape, colour, transform in marks:
        (mark,) = axes.plot(x, y, shape, color=colour, transform=transform, ms=6, mew=0)
        mark.set_clip_on(False)
    text = (
        f"black: event; red: loudest tile, {late_s * 1000:+.0f} ms, "
        f"{scan.peak_frequency:.1f} Hz, SNR {scan.snr:.1f}, Q {scan.q:.2f}"
    )
    figure.text(grid.AXES_LEFT / WIDTH, 1 - 46 / HEIGHT, text, fontsize=NOTE_SIZE)
