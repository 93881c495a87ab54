"""The plot is found to 2 pixels in any figure; what is no plot is refused."""

import csv
import io
import struct
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path

import matplotlib.style
import numpy as np
import pytest
from conftest import SHARED, draw_figure, png, viridis_like
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mpl_toolkits.axes_grid1 import make_axes_locatable
from PIL import ExifTags, Image, ImageCms, ImageDraw, ImageFilter

from gspy_cli.errors import PictureError
from gspy_cli.figure import SUFFIXES, Box, find_plot, read_figure, reading
from gspy_cli.figure.colours import are_colour_bar, are_viridis
from gspy_cli.figure.frame import without_rim
from gspy_cli.viridis import VIRIDIS

REAL = SHARED / "real"
TOLERANCE = 2  # pixels
# Width and height to the inside of the frame, measured by hand on the real figures.
MEASURED = {
    (800, 600): [Box(101, 61, 674, 540)],
    (752, 564): [Box(95, 58, 633, 507)],
    (600, 450): [Box(76, 46, 505, 405), Box(76, 46, 505, 360)],
}
needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real pictures are not on this machine"
)


def edges_off(box: Box, truth: Box | tuple[float, ...]) -> float:
    """Give the largest distance of an edge from where it should be, in pixels."""
    expected = astuple(truth) if isinstance(truth, Box) else truth
    return float(np.abs(np.subtract(astuple(box), expected)).max())


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return read_figure(stream_at_start(stream))


def stream_at_start(stream: io.BytesIO) -> io.BytesIO:
    stream.seek(0)
    return stream


def resized(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((width, height)))


def energy(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Make a normalised energy map (100, 120): noise and one feature."""
    time, octave = np.linspace(-1, 1, 120), np.linspace(0, 7.7, 100)[:, None]
    noise = rng.exponential(1.0, (100, 120))
    match kind:
        case "blip":
            return noise + 200 * np.exp(-((time / 0.05) ** 2) - (octave - 4) ** 2)
        case "line":
            return noise + 60 * np.exp(-(((octave - 6.8) / 0.1) ** 2) + 0 * time)
        case "bottom":
            return noise + 60 * np.exp(-(octave**2) + 0 * time)
        case "saturated":
            return noise + 24
        case _:
            return 0.2 * noise  # a loud glitch elsewhere suppresses the background


def visible_inside(axes: Axes) -> tuple[float, float, float, float]:
    """Give left, top, right and bottom of the axes, inside of their frame lines."""
    canvas = axes.figure.canvas
    _, height = canvas.get_width_height()
    extent, half = axes.get_window_extent(), {}
    for side, spine in axes.spines.items():
        width = spine.get_linewidth() * axes.figure.dpi / 72
        half[side] = width / 2 if spine.get_visible() else 0
    return (
        extent.x0 + half["left"],
        height - extent.y1 + half["top"],
        extent.x1 - half["right"],
        height - extent.y0 - half["bottom"],
    )


def render(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def random_figure(seed: int) -> tuple[np.ndarray, tuple[float, ...]]:
    """Draw a figure of random size, style, content and furniture."""
    rng = np.random.default_rng(seed)
    style = rng.choice(["default", "dark_background", "classic", "ggplot"])
    with matplotlib.style.context(str(style)):
        matplotlib.rcParams["axes.grid"] = False
        size = (rng.uniform(4, 9), rng.uniform(3, 7))
        figure = Figure(size, dpi=int(rng.choice([50, 72, 96, 100, 120, 150, 300])))
        axes = figure.add_axes((0.15, 0.16, rng.uniform(0.5, 0.72), 0.68))
        kind = str(rng.choice(["blip", "line", "bottom", "saturated", "quiet"]))
        content = fill(axes, energy(kind, rng), log=bool(rng.random() < 0.7))
        furnish(figure, axes, content, rng)
        return render(figure), visible_inside(axes)


def fill(axes: Axes, values: np.ndarray, *, log: bool):
    time, frequency = np.linspace(-1, 1, 120), np.geomspace(10, 2048, 100)
    content = axes.pcolormesh(time, frequency, values, vmin=0, vmax=25.5)
    if log:
        axes.set_yscale("log", base=2)
    axes.set(xlim=(-1, 1), ylim=(10, 2048))
    content.set_cmap("viridis")
    return content


def furnish(figure: Figure, axes: Axes, content, rng: np.random.Generator) -> None:
    """Add colour bar, title, labels, ticks and frame, each as it may come."""
    match rng.integers(3):
        case 0:
            bar = make_axes_locatable(axes).append_axes("right", "5%", pad="3%")
            figure.colorbar(content, cax=bar, label="Normalized energy")
        case 1:
            figure.colorbar(content, ax=axes, pad=0.02, fraction=0.15)
    if rng.random() < 0.7:
        axes.set_title("Hanford - O1", fontsize=20)
        axes.set_xlabel("Time (s)", fontsize=rng.uniform(8, 20))
        axes.set_ylabel("Frequency (Hz)", fontsize=rng.uniform(8, 20))
    axes.tick_params(which="both", direction=rng.choice(["in", "out", "inout"]))
    for spine in axes.spines.values():
        spine.set_linewidth(rng.choice([0.3, 0.8, 2.0]))
        spine.set_visible(seen := bool(rng.random() < 0.85))
        axes.tick_params(left=seen)


@pytest.mark.parametrize("seed", range(30))
def test_the_axes_of_any_matplotlib_figure_are_found(seed):
    pixels, truth = random_figure(seed)
    assert edges_off(find_plot(pixels), truth) <= TOLERANCE


@pytest.mark.parametrize("quality", [60, 80, 95])
@pytest.mark.parametrize("seed", range(100, 104))
def test_jpeg_noise_does_not_move_the_edges(seed, quality):
    pixels, truth = random_figure(seed)
    assert edges_off(find_plot(jpeg(pixels, quality)), truth) <= TOLERANCE


@pytest.mark.parametrize("grey", ["black", "grey"])
def test_a_figure_in_gravity_spys_style_has_the_measured_box(grey):
    figure = Figure((8, 6), dpi=100)
    axes = figure.add_axes((0.125, 0.1, 0.775, 0.8))
    content = fill(axes, energy("blip", np.random.default_rng(0)), log=True)
    bar = make_axes_locatable(axes).append_axes("right", "5%", pad="3%")
    figure.colorbar(content, cax=bar).ax.grid(visible=True, color="0.85")
    axes.spines[:].set_color(grey)
    assert edges_off(find_plot(render(figure)), MEASURED[800, 600][0]) <= 1


@pytest.mark.parametrize("kind", ["blip", "line"])
@pytest.mark.parametrize("name", ["inferno", "magma", "gray", "plasma", "cividis"])
def test_other_colour_maps_have_a_plot_too(name, kind):
    figure = Figure((8, 6), dpi=100)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    fill(axes, energy(kind, np.random.default_rng(1)), log=True).set_cmap(name)
    axes.set_xlabel("Time (s)")
    pixels = render(figure)
    assert edges_off(find_plot(pixels), visible_inside(axes)) <= TOLERANCE


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("height", [0.5, 1, 2])
def test_a_plot_under_a_time_series_is_found(height, style):
    rng = np.random.default_rng(1)
    with matplotlib.style.context(style):
        figure = Figure((8, 8), dpi=100)
        series, axes = figure.subplots(2, 1, height_ratios=[1, height])
        series.plot(rng.normal(size=4096), linewidth=0.8)
        fill(axes, energy("blip", rng), log=True)
        pixels = render(figure)
    assert edges_off(find_plot(pixels), visible_inside(axes)) <= TOLERANCE


def test_large_letters_and_a_colour_bar_are_no_second_plot():
    figure = Figure((4, 3), dpi=100)
    axes = figure.add_axes((0.2, 0.3, 0.5, 0.5))
    content = fill(axes, energy("blip", np.random.default_rng(1)), log=True)
    content.set_cmap("inferno")
    axes.set_title("H1 glitch", fontsize=24)
    axes.set_xlabel("Time (s)", fontsize=20)
    figure.colorbar(content, ax=axes, fraction=0.3, pad=0.1)
    pixels = render(figure)
    assert edges_off(find_plot(pixels), visible_inside(axes)) <= TOLERANCE


@pytest.mark.parametrize("colour", ["red", "tab:blue", "tab:orange", "gold"])
@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("quality", [None, 90])
def test_a_coloured_frame_is_no_part_of_the_plot(colour, width, quality):
    figure = Figure((8, 6), dpi=72)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    fill(axes, energy("blip", np.random.default_rng(1)), log=True)
    axes.spines[:].set(color=colour, linewidth=width)
    pixels = render(figure)
    pixels = pixels if quality is None else jpeg(pixels, quality)
    assert edges_off(find_plot(pixels), visible_inside(axes)) <= TOLERANCE


@pytest.mark.parametrize("width", [1, 4, 8])
@pytest.mark.parametrize("quality", [None, 90])
def test_a_dark_plot_loses_its_frame_alone(width, quality):
    figure = Figure((8, 6), dpi=100)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    fill(axes, energy("blip", np.random.default_rng(1)), log=True)
    axes.spines[:].set(linewidth=width)
    dark = (255 * (render(figure) / 255) ** 1.6).round().astype(np.uint8)
    dark = dark if quality is None else jpeg(dark, quality)
    assert edges_off(find_plot(dark), visible_inside(axes)) <= TOLERANCE


@pytest.mark.parametrize("place", [(0, 0.6), (1, 0.3), (0.4, 0), (0.7, 1)])
def test_a_text_box_over_an_edge_hides_no_part_of_the_plot(place):
    figure = Figure((8, 6), dpi=100)
    axes = figure.add_axes((0.2, 0.2, 0.6, 0.6))
    fill(axes, energy("blip", np.random.default_rng(1)), log=True)
    box = {"facecolor": "white", "edgecolor": "none"}
    axes.text(*place, "SNR = 12\nBlip\nL1", transform=axes.transAxes, size=20, bbox=box)
    pixels = render(figure)
    assert edges_off(find_plot(pixels), visible_inside(axes)) <= TOLERANCE


def test_white_grid_lines_do_not_cut_the_plot():
    with matplotlib.style.context("ggplot"):
        figure = Figure((8, 6), dpi=100)
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        fill(axes, energy("quiet", np.random.default_rng(1)), log=True)
        axes.grid(visible=True, color="white")
        pixels = render(figure)
    assert edges_off(find_plot(pixels), visible_inside(axes)) <= TOLERANCE


@pytest.mark.parametrize("grey", [0, 128, 176])
def test_thin_grid_lines_near_the_sides_are_no_margin(grey):
    pixels = draw_figure()
    box = find_plot(pixels)
    plot = box.crop(pixels)
    for lines in (plot, plot.swapaxes(0, 1)):
        near = len(lines) // 50
        lines[[near, len(lines) // 4, len(lines) // 2, -1 - near]] = grey
    assert find_plot(pixels) == box


def test_a_white_cross_over_a_large_figure_does_not_divide_it():
    pixels = draw_figure(1800, 2400)  # 300 pixels an inch, the cross 1.5 points wide
    box = find_plot(pixels)
    plot = box.crop(pixels)
    plot[700:707] = plot[:, 800:807] = 255
    assert find_plot(pixels) == box


@pytest.mark.parametrize(
    ("size", "thick"), [((1800, 2400), 6), ((600, 800), 4), ((1200, 1600), 5)]
)
def test_a_white_grid_over_a_plot_without_a_frame_does_not_cut_it(size, thick):
    pixels = draw_figure(*size)
    box = find_plot(pixels)
    draw_lines(pixels, box, thick, parts=(1 / 3, 2 / 3))
    assert find_plot(pixels) == box


@pytest.mark.parametrize("thick", [1, 3, 5])
@pytest.mark.parametrize("part", [0.3, 0.5])
def test_one_white_line_over_a_plot_without_a_frame_does_not_cut_it(part, thick):
    pixels = draw_figure()
    box = find_plot(pixels)
    draw_lines(pixels, box, thick, parts=(part,))
    assert find_plot(pixels) == box


@pytest.mark.parametrize(("thick", "gap"), [(2, 2), (3, 4), (4, 4), (5, 4)])
def test_a_colour_bar_as_near_as_a_line_is_wide_is_no_part_of_the_plot(thick, gap):
    pixels = draw_figure()
    box = find_plot(pixels)
    draw_lines(pixels, box, thick, parts=(1 / 2,))
    start = box.right + gap
    colours = viridis_like(box.bottom - box.top, 25, seed=1)
    pixels[box.top : box.bottom, start : start + 25] = colours
    assert find_plot(pixels) == box


@pytest.mark.parametrize("side", ["right", "left", "bottom", "top"])
@pytest.mark.parametrize("scale", [0.6, 1, 1.5])
def test_a_colour_bar_that_touches_the_plot_is_no_part_of_it(side, scale):
    figure = Figure((8, 6), dpi=100)
    axes = figure.add_axes((0.2, 0.2, 0.6, 0.6))
    content = fill(axes, energy("blip", np.random.default_rng(1)), log=True)
    beside = make_axes_locatable(axes).append_axes(side, "5%", pad=0)
    upright = side in ("right", "left")
    orientation = "vertical" if upright else "horizontal"
    figure.colorbar(content, cax=beside, orientation=orientation, ticklocation=side)
    if side in ("left", "bottom"):
        axes.tick_params(labelleft=not upright, labelbottom=upright)
    pixels = render(figure)
    truth = np.array(visible_inside(axes)) * scale
    pixels = resized(pixels, round(800 * scale), round(600 * scale))
    assert edges_off(find_plot(pixels), tuple(truth)) <= TOLERANCE


@pytest.mark.parametrize("upright", [True, False])
def test_a_plot_that_runs_evenly_through_viridis_is_no_colour_bar(upright):
    figure = Figure((8, 6), dpi=100)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    octave, time = np.mgrid[0:25.5:100j, 0:25.5:120j]
    fill(axes, octave if upright else time, log=upright)
    pixels = render(figure)
    assert edges_off(find_plot(pixels), visible_inside(axes)) <= TOLERANCE


def draw_lines(
    pixels: np.ndarray, box: Box, thick: int, parts: tuple[float, ...]
) -> None:
    """Draw white lines across the plot both ways, and take away all around it."""
    plot = box.crop(pixels).copy()
    for lines in (plot, plot.swapaxes(0, 1)):
        for part in parts:
            place = int(part * len(lines))
            lines[place : place + thick] = 255
    pixels[:] = 255
    pixels[box.top : box.bottom, box.left : box.right] = plot


def real_pictures(step: int = 1) -> list[Path]:
    with (REAL / "manifest.csv").open(encoding="utf-8", newline="") as manifest:
        return [REAL / row["file"] for row in csv.DictReader(manifest)][::step]


def measured_box(pixels: np.ndarray) -> Box:
    """Give the hand-measured box; where there are two, by the row below the frame."""
    boxes = MEASURED[pixels.shape[1], pixels.shape[0]]
    return boxes[-1] if (pixels[395, 76:505, 2] > 200).mean() > 0.5 else boxes[0]


@needs_real
def test_every_real_picture_is_cropped_to_its_plot():
    wrong = []
    for path in real_pictures():
        pixels = read_figure(path)
        if edges_off(find_plot(pixels), measured_box(pixels)) > TOLERANCE:
            wrong.append((path.name, find_plot(pixels)))
    assert wrong == []


@needs_real
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: jpeg(p, 60), id="jpeg 60"),
        pytest.param(lambda p: jpeg(p, 95), id="jpeg 95"),
        pytest.param(
            lambda p: np.asarray(Image.fromarray(p).quantize(64).convert("RGB")),
            id="palette",
        ),
        pytest.param(
            lambda p: np.asarray(Image.fromarray(p).convert("P").convert("RGB")),
            id="dithered",
        ),
    ],
)
def test_recoding_a_real_picture_keeps_its_box(change):
    for path in real_pictures(40):
        pixels = read_figure(path)
        box = find_plot(change(pixels))
        assert edges_off(box, measured_box(pixels)) <= TOLERANCE, path.name


@needs_real
@pytest.mark.parametrize("width", [200, 550, 1100])
def test_resizing_a_real_picture_resizes_its_box(width):
    for path in real_pictures(40):
        pixels = read_figure(path)
        scale = width / pixels.shape[1]
        small = resized(pixels, width, round(scale * pixels.shape[0]))
        truth = tuple(scale * edge for edge in astuple(measured_box(pixels)))
        assert edges_off(find_plot(small), truth) <= TOLERANCE, path.name


@needs_real
@pytest.mark.parametrize("quality", [None, 60, 90])
def test_a_real_picture_cut_to_the_plot_loses_only_its_frame_lines(quality):
    for path in real_pictures(20):
        pixels = read_figure(path)
        if pixels.shape[:2] == (600, 800):
            cut = pixels[60:539, 100:669]
            cut = cut if quality is None else jpeg(cut, quality)
            box = find_plot(cut)
            assert edges_off(box, Box(1, 1, 569, 479)) <= TOLERANCE, path.name


def test_a_cut_plot_without_frame_is_used_whole():
    assert find_plot(viridis_like(240, 320)) == Box(0, 0, 320, 240)


@pytest.mark.parametrize("quality", [None, 30, 75])
def test_a_cut_plot_whose_colours_reach_to_a_loud_glitch_is_used_whole(quality):
    values = resized(energy("blip", np.random.default_rng(1)), 569, 479)
    colours = colormaps["viridis"](values / values.max())[..., :3]
    cut = (255 * colours).round().astype(np.uint8)
    cut = cut if quality is None else jpeg(cut, quality)
    assert find_plot(cut) == Box(0, 0, 569, 479)


def test_a_glitch_that_saturates_most_of_a_cut_plot_is_no_page_around_the_rest():
    cut = viridis_like(240, 320)
    cut[:, :200] = 253, 231, 37
    assert find_plot(cut) == Box(0, 0, 320, 240)


def test_a_glitch_that_ends_near_an_edge_of_a_scaled_cut_hides_no_part_of_it():
    small = viridis_like(40, 56)
    small[15:38, :38] = 253, 231, 37
    cut = resized(small, 560, 400)[:-5]  # the colours between lie 12 pixels inside
    assert find_plot(cut) == Box(0, 0, 560, 395)


def test_a_cut_plot_with_a_white_rim_loses_it():
    rim = np.pad(viridis_like(240, 320), ((3, 3), (3, 3), (0, 0)), constant_values=255)
    assert find_plot(rim) == Box(3, 3, 323, 243)


@pytest.mark.parametrize("quality", [None, 85])
def test_a_windows_title_bar_over_a_cut_plot_is_no_part_of_it(quality):
    window = framed(viridis_like(480, 320), (0, 60, 140), (0, 160, 0, 0))
    picture = framed(window, WHITE, (0, 0, 0, 160))
    picture = jpeg(picture, quality) if quality else picture
    assert edges_off(find_plot(picture), Box(0, 160, 320, 640)) <= TOLERANCE


@pytest.mark.parametrize("margin", [0, 40])
def test_a_coloured_frame_around_a_cut_plot_is_no_part_of_it(margin):
    plot = viridis_like(240, 320)
    red = framed(plot, (200, 0, 0), (5, 5, 5, 5))
    picture = framed(red, WHITE, (margin,) * 4)
    end = margin + 5
    assert find_plot(picture) == Box(end, end, end + 320, end + 240)


@pytest.mark.parametrize(("blur", "offset"), [(4, 3), (15, 8), (25, 12)])
def test_the_shadow_of_a_cut_plot_on_a_coloured_page_is_no_part_of_it(blur, offset):
    shadow = Image.new("L", (440, 360))
    shadow.paste(128, (60 + offset, 60 + offset, 380 + offset, 300 + offset))
    shade = 1 - np.asarray(shadow.filter(ImageFilter.GaussianBlur(blur))) / 255
    page = (np.array((0, 60, 140)) * shade[..., None]).astype(np.uint8)
    page[60:300, 60:380] = viridis_like(240, 320)
    assert edges_off(find_plot(page), Box(60, 60, 380, 300)) <= TOLERANCE


def framed(
    figure: np.ndarray, colour: tuple[int, int, int], margins: tuple[int, int, int, int]
) -> np.ndarray:
    """Lay a figure on a page of a colour, with margins left, top, right, bottom."""
    left, top, right, bottom = margins
    height, width = figure.shape[:2]
    page = np.empty((top + height + bottom, left + width + right, 3), np.uint8)
    page[:] = colour
    page[top : top + height, left : left + width] = figure
    return page


PAGES = {
    "line": ((204, 204, 204), (1, 1, 1, 1)),
    "black line": ((0, 0, 0), (3, 3, 3, 3)),
    "slide": ((0, 60, 140), (120, 80, 200, 90)),
    "dark screen": ((17, 17, 17), (300, 200, 500, 250)),
    "grey page": ((230, 230, 230), (80, 40, 220, 160)),
    "cream page": ((253, 246, 227), (80, 40, 220, 160)),
    "telephone": ((0, 0, 0), (0, 500, 0, 500)),
    "blue of viridis": ((51, 99, 141), (80, 60, 80, 60)),
    "green of viridis": ((61, 188, 116), (80, 60, 80, 60)),
    "dark end of viridis": ((68, 1, 84), (80, 60, 80, 60)),
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("quality", [None, 85])
def test_a_figure_on_a_page_of_another_colour_is_found_on_it(name, quality):
    figure, (colour, margins) = draw_figure(600, 800), PAGES[name]
    page = framed(figure, colour, margins)
    page = page if quality is None else jpeg(page, quality)
    truth = find_plot(figure).moved(*margins[:2])
    assert edges_off(find_plot(page), truth) <= TOLERANCE


@pytest.mark.parametrize("level", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("labelled", [True, False])
def test_a_figure_whose_own_page_has_a_colour_of_viridis_is_found(level, labelled):
    figure = Figure((8, 6), facecolor=colormaps["viridis"](level))
    axes = figure.add_axes((0.12, 0.12, 0.76, 0.76))
    fill(axes, energy("blip", np.random.default_rng(3)), log=True)
    axes.tick_params(colors="white")
    if not labelled:
        axes.set_xticks([])
        axes.set_yticks([], minor=False)
    assert edges_off(find_plot(render(figure)), visible_inside(axes)) <= TOLERANCE


def test_a_figure_in_a_window_on_a_screen_is_found():
    figure = draw_figure(600, 800)
    window = framed(
        framed(figure, (240, 240, 240), (0, 35, 0, 0)), (40, 40, 40), (3,) * 4
    )
    found = find_plot(framed(window, (0, 120, 120), (100, 90, 300, 200)))
    assert edges_off(found, find_plot(figure).moved(103, 128)) <= TOLERANCE


@pytest.mark.parametrize("scale", [1.5, 2, 3])
@pytest.mark.parametrize("quality", [None, 85])
def test_a_figure_on_a_dark_page_that_is_scaled_up_is_found(scale, quality):
    figure = draw_figure(600, 800)
    page = framed(figure, (17, 17, 17), (90, 70, 110, 60))
    height, width = page.shape[:2]
    large = resized(page, round(scale * width), round(scale * height))
    large = large if quality is None else jpeg(large, quality)
    truth = [scale * edge for edge in astuple(find_plot(figure).moved(90, 70))]
    assert edges_off(find_plot(large), truth) <= TOLERANCE


def test_labels_along_the_edge_of_a_cut_do_not_hide_its_margin():
    cut = framed(viridis_like(220, 264), (255, 255, 255), (0, 0, 0, 26))
    cut[-22:-15, ::7] = cut[-13:, 100:160] = 90  # of the ticks and the axis
    page = framed(cut, (0, 0, 0), (74, 90, 46, 62))
    assert edges_off(find_plot(page), Box(74, 90, 338, 310)) <= TOLERANCE


def test_a_rectangle_drawn_around_a_glitch_is_not_taken_for_its_plot():
    plot = viridis_like(240, 320)
    glitch = plot[88:191, 129:271].copy()
    plot[80:88] = plot[80:195, 125:275] = 200
    plot[88:191, 129:271] = glitch
    cut = framed(plot, (255, 255, 255), (0, 0, 0, 26))
    found = find_plot(framed(cut, (17, 17, 17), (130, 142, 58, 83)))
    assert (found.left, found.top, found.right) == (130, 142, 450)


def test_a_box_drawn_beside_a_glitch_is_not_taken_for_the_quiet_plot_it_is_in():
    y, x = np.mgrid[-1:1:161j, -1:1:401j]
    levels = np.random.default_rng(0).exponential(1, x.shape)
    levels += 250 * np.exp(-(x**2 + y**2) / 0.02)
    plot = VIRIDIS[levels.clip(max=255).astype(int)]
    inside = plot[30:70, 30:130].copy()
    plot[22:78, 22:138] = 255
    plot[30:70, 30:130] = inside
    cut = framed(plot, (255, 255, 255), (0, 0, 60, 0))
    found = find_plot(framed(cut, (17, 17, 17), (30, 20, 40, 50)))
    assert (found.left, found.top, found.bottom) == (30, 20, 181)


def test_a_sheets_rim_is_taken_from_its_own_side():
    sheet = flat((255, 255, 255)).copy()
    sheet[0], sheet[1] = 60, 160
    assert without_rim(sheet, Box(0, 0, 800, 600)) == Box(0, 2, 800, 600)


def on_gradient(figure, end):
    """Lay a figure on a page that goes from blue to another colour."""
    row = np.linspace((30, 90, 180), end, 1200).astype(np.uint8)
    page = np.broadcast_to(row, (900, 1200, 3)).copy()
    page[150:750, 200:1000] = figure
    return page


@pytest.mark.parametrize("end", [(5, 20, 60), (0, 0, 0), (230, 120, 10)])
def test_a_figure_on_a_page_that_changes_its_shade_is_found(end):
    figure = draw_figure(600, 800)
    found = find_plot(on_gradient(figure, end))
    assert edges_off(found, find_plot(figure).moved(200, 150)) <= TOLERANCE


@pytest.mark.parametrize("noise", [1, 2])
def test_noise_of_a_few_levels_hides_no_margin(noise):
    figure = draw_figure(600, 800)
    grain = np.random.default_rng(0).normal(0, noise, figure.shape)
    paper = (0.95 * figure + grain).round().astype(np.uint8)
    assert edges_off(find_plot(paper), find_plot(figure)) <= TOLERANCE


@needs_real
@pytest.mark.parametrize("name", PAGES)
def test_a_real_picture_on_a_page_keeps_its_box(name):
    colour, margins = PAGES[name]
    for path in real_pictures(30):
        pixels = read_figure(path)
        found = find_plot(framed(pixels, colour, margins))
        truth = measured_box(pixels).moved(*margins[:2])
        assert edges_off(found, truth) <= TOLERANCE, path.name


def test_a_plot_cut_together_with_its_colour_bar_is_found():
    figure = draw_figure(450, 600)
    box = find_plot(figure)
    cut = figure[box.top - 4 : box.bottom + 4, box.left - 4 :]
    assert edges_off(find_plot(cut), box.moved(4 - box.left, 4 - box.top)) <= TOLERANCE


def test_the_bar_of_another_colour_map_is_no_second_plot_in_a_close_cut():
    figure = Figure((8, 6), dpi=100)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    content = fill(axes, energy("blip", np.random.default_rng(1)), log=True)
    content.set_cmap("inferno")
    bar = make_axes_locatable(axes).append_axes("right", "5%", pad="1%")
    figure.colorbar(content, cax=bar)
    cut = render(figure)[57:543, 77:733]
    assert edges_off(find_plot(cut), Box(4, 4, 606, 482)) <= TOLERANCE


def test_a_close_cut_with_its_colour_bar_on_a_dark_page_is_found():
    figure = draw_figure(600, 800)
    box = find_plot(figure)
    cut = figure[box.top - 5 : box.bottom + 8, box.left - 30 : box.right + 60]
    page = framed(cut, (40, 44, 52), (0, 40, 4, 40))
    truth = box.moved(30 - box.left, 45 - box.top)
    assert edges_off(find_plot(page), truth) <= TOLERANCE


def gapped(lacking: tuple[slice, slice]) -> tuple[np.ndarray, Axes]:
    """Draw a figure with a part of the plot, rows and columns, left without data."""
    values = energy("blip", np.random.default_rng(1))
    values[lacking] = np.nan
    figure = Figure((8, 6), dpi=100)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    content = fill(axes, values, log=True)
    bar = make_axes_locatable(axes).append_axes("right", "5%", pad="3%")
    figure.colorbar(content, cax=bar)
    axes.grid(visible=True)
    return render(figure), axes


EVERYWHERE = slice(None)


@pytest.mark.parametrize(
    "lacking",
    [
        pytest.param((EVERYWHERE, slice(60)), id="it begins late"),
        pytest.param((EVERYWHERE, slice(100, None)), id="it ends early"),
        pytest.param((slice(80, None), EVERYWHERE), id="high frequencies"),
        pytest.param((slice(8), EVERYWHERE), id="a few low frequencies"),
    ],
)
def test_a_framed_plot_without_data_in_a_part_is_refused(lacking):
    pixels, _ = gapped(lacking)
    page = framed(pixels, (17, 17, 17), (90, 40, 90, 40))
    for picture in (pixels, jpeg(pixels, 80), page):
        with pytest.raises(PictureError, match="a part of the plot has no data: draw"):
            find_plot(picture)


def test_a_plot_that_lacks_only_a_few_high_frequencies_is_cut_to_its_data():
    pixels, axes = gapped((slice(92, None), EVERYWHERE))
    left, top, right, bottom = visible_inside(axes)
    top += 0.08 * (bottom - top)
    assert edges_off(find_plot(pixels), (left, top, right, bottom)) <= 3


def flat(value: tuple[int, int, int]) -> np.ndarray:
    return np.broadcast_to(np.array(value, np.uint8), (600, 800, 3))


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)


def photograph(seed: int = 0) -> np.ndarray:
    """Draw smooth coloured textures on all scales, as a landscape has them."""
    rng = np.random.default_rng(seed)
    total = np.zeros((600, 800, 3))
    for size in (200, 60, 15):
        coarse = rng.integers(0, 256, (600 // size, 800 // size, 3), np.uint8)
        total += size * resized(coarse, 800, 600)
    return (total / (200 + 60 + 15)).astype(np.uint8)


def gradient() -> np.ndarray:
    row = np.linspace((20, 40, 90), (250, 180, 120), 800)
    return np.broadcast_to(row.astype(np.uint8), (600, 800, 3))


def bordered(pixels: np.ndarray) -> np.ndarray:
    return np.pad(pixels, ((60, 60), (60, 60), (0, 0)), constant_values=255)


def chart(kind: str, style: str = "default") -> np.ndarray:
    rng = np.random.default_rng(3)
    with matplotlib.style.context(style):
        figure = Figure((8, 6), dpi=100)
        axes = figure.add_subplot()
        match kind:
            case "lines":
                axes.plot(rng.normal(size=(100, 3)).cumsum(axis=0))
            case "bars":
                axes.bar(range(12), rng.uniform(0.3, 1, 12))
            case "dense line":
                axes.plot(rng.normal(size=5000), linewidth=0.5)
            case "areas":
                axes.stackplot(range(30), rng.random((5, 30)))
            case "text":
                axes.axis("off")
                for line in range(30):
                    figure.text(0.1, 0.03 * line, "the quick brown fox " * 3)
        return render(figure)


NO_PLOT = {
    "white": lambda: flat((255, 255, 255)),
    "black": lambda: flat((0, 0, 0)),
    "one colour of viridis": lambda: flat((68, 1, 84)),
    "one colour of viridis with a border": lambda: bordered(flat((68, 1, 84))),
    "noise": lambda: noise(),
    "noise with a border": lambda: bordered(noise()),
    "gradient": lambda: gradient(),
    "gradient with a border": lambda: bordered(gradient()),
    "photograph": lambda: photograph(),
    "photograph as JPEG": lambda: jpeg(photograph(), 80),
    "photograph with a border": lambda: bordered(photograph()),
    "grey photograph": lambda: (
        photograph().mean(axis=2, keepdims=True).repeat(3, 2).astype("u1")
    ),
    "text": lambda: chart("text"),
    "lines": lambda: chart("lines"),
    "lines on black": lambda: chart("lines", "dark_background"),
    "bars": lambda: chart("bars"),
    "dense line": lambda: chart("dense line"),
    "areas": lambda: chart("areas"),
    "areas on grey": lambda: chart("areas", "ggplot"),
    "one pixel": lambda: flat((0, 0, 0))[:1, :1],
    "one row": lambda: noise()[:1],
}


def test_a_thin_loud_glitch_in_a_plot_of_one_colour_is_a_plot():
    pixels = flat((68, 1, 84)).copy()
    pixels[200:400, 405:408] = (253, 231, 36)
    assert find_plot(bordered(pixels)) == Box(60, 60, 860, 660)


@pytest.mark.parametrize("location", ["right", "bottom"])
def test_a_plot_of_one_colour_beside_its_colour_bar_is_a_plot(location):
    figure = Figure((8, 6), dpi=100)
    axes = figure.add_axes((0.15, 0.3, 0.6, 0.6))
    content = fill(axes, np.full((100, 120), 0.1), log=True)
    bar = make_axes_locatable(axes).append_axes(location, "5%", pad="15%")
    figure.colorbar(content, cax=bar, location=location)
    pixels = render(figure)
    assert edges_off(find_plot(pixels), visible_inside(axes)) <= TOLERANCE


@pytest.mark.parametrize("name", NO_PLOT)
def test_a_picture_without_a_plot_is_refused(name):
    with pytest.raises(PictureError, match="no plot found"):
        find_plot(NO_PLOT[name]())


def test_tiny_pictures_have_a_plot_or_none_but_raise_nothing_else():
    rng = np.random.default_rng(5)
    greys, found = np.array([0, 17, 128, 200, 255], np.uint8), 0
    dark_or_bright = viridis_like(40, 40)
    for _ in range(500):
        height, width = rng.integers(16, 70, 2)
        pixels = np.empty((height, width, 3), np.uint8)
        pixels[:] = rng.choice(greys)
        for _ in range(rng.integers(1, 4)):
            top, bottom = np.sort(rng.integers(0, min(height, 40) + 1, 2))
            left, right = np.sort(rng.integers(0, min(width, 40) + 1, 2))
            patch = dark_or_bright[top:bottom, left:right]
            is_plot = rng.random() < 0.6
            pixels[top:bottom, left:right] = patch if is_plot else rng.choice(greys)
        with suppress(PictureError):
            found += find_plot(pixels).area > 0
    assert 33 < found < 500


def panels(rows: int, columns: int, colours: str = "viridis") -> np.ndarray:
    figure = Figure((4 * columns, 3 * rows), dpi=100)
    rng = np.random.default_rng(2)
    for axes in figure.subplots(rows, columns).flat:
        fill(axes, energy("blip", rng), log=True).set_cmap(colours)
        axes.set_xlabel("Time (s)")
        axes.set_ylabel("Frequency (Hz)")
    return render(figure)


WHITE = (255, 255, 255)
GAP = np.full((240, 8, 3), 255, np.uint8)


def cut_plot() -> np.ndarray:
    return viridis_like(240, 320)


def slide(colour: tuple[int, int, int]) -> np.ndarray:
    figure = draw_figure(540, 720)
    page = framed(figure, colour, (200, 300, 1000, 240))
    page[300:840, 1000:1720] = figure
    return page


def blurred_montage(gap: int) -> np.ndarray:
    """Lay nine quiet plots on a page, and blur their edges."""
    values = resized(energy("quiet", np.random.default_rng(1)) / 25.5, 280, 200)
    plot = (255 * colormaps["viridis"](values)[..., :3]).astype(np.uint8)
    page = np.tile(framed(plot, WHITE, (0, 0, gap, gap)), (3, 3, 1))
    picture = Image.fromarray(framed(page, WHITE, (20, 20, 20 - gap, 20 - gap)))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(0.8)))


SEVERAL_PLOTS = {
    "blurred, 6 pixels between": lambda: blurred_montage(6),
    "blurred, 7 pixels between": lambda: blurred_montage(7),
    "slide": lambda: slide(WHITE),
    "dark slide": lambda: slide((17, 17, 17)),
    "row": lambda: panels(1, 4),
    "row in other colours": lambda: panels(1, 4, "inferno"),
    "square": lambda: panels(2, 2),
    "four figures": lambda: np.tile(draw_figure(300, 400), (2, 2, 1)),
    "four on a page": lambda: framed(panels(2, 2), (17, 17, 17), (90, 40, 90, 40)),
    "two cut plots": lambda: np.hstack([framed(cut_plot(), WHITE, (0, 0, 10, 0))] * 2),
    "two cut plots without a rim": lambda: np.hstack([cut_plot(), GAP, cut_plot()]),
    "four cut plots": lambda: np.tile(
        framed(cut_plot(), WHITE, (9, 9, 9, 9)), (2, 2, 1)
    ),
    "four large ones": lambda: np.tile(
        framed(viridis_like(1440, 1720), WHITE, (6, 6, 6, 6)), (2, 2, 1)
    ),
}


@pytest.mark.parametrize("name", SEVERAL_PLOTS)
def test_several_plots_in_one_picture_are_told_apart_from_none(name):
    with pytest.raises(PictureError, match="several plots in one picture: save each"):
        find_plot(SEVERAL_PLOTS[name]())


@pytest.mark.parametrize("projection", ["polar", "mollweide"])
def test_one_round_plot_is_no_spectrogram_but_not_several(projection):
    figure = Figure((6, 4), dpi=100)
    axes = figure.add_subplot(projection=projection)
    angle = np.linspace(-np.pi, np.pi, 120)
    other = np.linspace(0, 1.5, 100)
    axes.pcolormesh(angle, other, energy("noise", np.random.default_rng(1)))
    axes.pcolormesh(angle, -other, energy("noise", np.random.default_rng(2)))
    with pytest.raises(PictureError, match="does not look like a spectrogram"):
        find_plot(render(figure))


def saved(tmp_path: Path, picture: Image.Image, name: str, **options) -> Path:
    path = tmp_path / name
    picture.save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.ppm", "a b [1] ü.png"])
def test_lossless_formats_give_the_same_pixels(tmp_path, name):
    pixels = viridis_like(40, 50)
    read = read_figure(saved(tmp_path, Image.fromarray(pixels), name))
    np.testing.assert_array_equal(read, pixels)
    assert read.dtype == np.uint8


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_a_folder_gives_can_be_read(tmp_path, suffix):
    path = saved(tmp_path, Image.new("RGB", (60, 40), (250, 0, 0)), f"a{suffix}")
    assert read_figure(path).shape == (40, 60, 3)


def test_an_open_file_gives_the_same_pixels_as_its_path(tmp_path):
    path = saved(tmp_path, Image.fromarray(viridis_like(40, 50)), "a.png")
    np.testing.assert_array_equal(
        read_figure(io.BytesIO(path.read_bytes())), read_figure(path)
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    picture = Image.fromarray(viridis_like(40, 50)).convert(mode)
    pixels = read_figure(saved(tmp_path, picture, "a.tif"))
    assert pixels.shape == (40, 50, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_a_picture_that_its_exif_data_turn_stands_upright(tmp_path, suffix):
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20, :30] = 250
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # it was taken with the camera on its side
    lying = Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90)
    path = saved(tmp_path, lying, f"a.{suffix}", exif=exif)
    found = read_figure(path)
    assert found.shape == pixels.shape
    assert np.abs(found.astype(int) - pixels).mean() < 4


def test_exif_data_that_cannot_be_read_turn_nothing(tmp_path):
    picture = Image.new("RGB", (60, 40))
    path = saved(tmp_path, picture, "a.jpg", exif=b"Exif\0\0no TIFF header")
    assert read_figure(path).shape == (40, 60, 3)


def swapped_profile() -> bytes:
    """Make a colour profile whose red is sRGB's blue, and the other way round."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ")
    swapped = swapped.replace(b"....", b"bXYZ")
    return swapped.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_a_picture_with_a_colour_profile_is_read_as_it_looks(tmp_path, mode, suffix):
    pixels = viridis_like(40, 50)
    picture = Image.fromarray(pixels[..., ::-1]).convert(mode)
    options = {"lossless": True} if suffix == "webp" else {}
    profile = swapped_profile()
    path = saved(tmp_path, picture, f"a.{suffix}", icc_profile=profile, **options)
    np.testing.assert_allclose(read_figure(path), pixels, atol=2)


@pytest.mark.parametrize("clear", [None, 0])
def test_a_palette_with_a_colour_profile_is_read_as_it_looks(tmp_path, clear):
    picture = Image.fromarray(viridis_like(40, 50)[..., ::-1]).quantize(256)
    profile = swapped_profile()
    path = saved(tmp_path, picture, "a.png", icc_profile=profile, transparency=clear)
    looks = np.asarray(picture.convert("RGB"))[..., ::-1].copy()
    if clear is not None:
        looks[np.asarray(picture) == clear] = 255
    np.testing.assert_allclose(read_figure(path), looks, atol=2)


@pytest.mark.parametrize("damaged", [False, True])
def test_srgb_and_damaged_profiles_change_no_pixel(tmp_path, damaged):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = viridis_like(40, 50)
    path = saved(
        tmp_path,
        Image.fromarray(pixels),
        "a.png",
        icc_profile=profile[:200] if damaged else profile,
    )
    np.testing.assert_array_equal(read_figure(path), pixels)


def test_clear_pixels_become_white(tmp_path):
    rgba = np.zeros((20, 20, 4), np.uint8)
    rgba[:10, :, 3] = 255
    rgba[10:15, :, 3] = 128
    pixels = read_figure(saved(tmp_path, Image.fromarray(rgba), "a.png"))
    assert [int(pixels[row, 0, 0]) for row in (0, 12, 19)] == [0, 127, 255]


def test_a_clear_palette_colour_becomes_white(tmp_path):
    picture = Image.fromarray(np.zeros((20, 20), np.uint8), "L").convert("P")
    path = saved(tmp_path, picture, "a.png", transparency=0)
    assert (read_figure(path) == 255).all()


def test_sixteen_bit_grey_keeps_its_range(tmp_path):
    levels = np.linspace(0, 40_000, 400).astype(np.uint16).reshape(20, 20)
    pixels = read_figure(saved(tmp_path, Image.fromarray(levels), "a.png"))
    np.testing.assert_allclose(pixels[..., 1], levels / 257, atol=1)


@pytest.mark.parametrize("white", [1, 40])
def test_grey_levels_of_any_range_keep_it(tmp_path, white):
    levels = np.linspace(0, white, 400, dtype=np.float32).reshape(20, 20)
    expected = levels * (255 / white)
    levels[0, :2] = np.nan, -white / 2  # both are black
    pixels = read_figure(saved(tmp_path, Image.fromarray(levels), "a.tif"))
    np.testing.assert_allclose(pixels[..., 1], expected, atol=1)
    assert pixels.max() == 255


def test_a_pipe_is_read_no_further_than_a_picture_may_be_large(tmp_path, monkeypatch):
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def close(self) -> None:
            pass

    pipe = Pipe(truncated("BMP") * 2)
    monkeypatch.setattr(reading, "MOST_BYTES", 1000)
    monkeypatch.setattr(Path, "open", lambda *_: pipe)
    with pytest.raises(PictureError, match="damaged or cut short"):
        read_figure(tmp_path / "pipe")
    assert pipe.tell() == 1000


@pytest.mark.parametrize("side", [8_000, 10_000, 30_000])
def test_a_huge_picture_is_refused_before_it_is_decoded(side):
    tracemalloc.start()
    with pytest.raises(PictureError, match=f"^too large: {side} x {side} pixels"):
        read_figure(io.BytesIO(png(side, side)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def iptc(content: bytes) -> bytes:
    """Make an IPTC record that says it holds a picture, 8 x 8 pixels."""

    def tag(record: int, dataset: int, data: bytes) -> bytes:
        return struct.pack(">BBBH", 0x1C, record, dataset, len(data)) + data

    size = tag(3, 20, b"\x08") + tag(3, 30, b"\x08")
    packed = tag(3, 120, b"\x05")
    return tag(3, 60, b"\x01\x00") + size + packed + tag(8, 10, content)


def icon(suffix: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGBA", (256, 256)).save(stream, suffix)
    return stream.getvalue()


def truncated(format_name: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(noise()[:90, :90]).save(stream, format_name)
    return stream.getvalue()[: len(stream.getvalue()) // 2]


def badly_boxed() -> bytes:
    """Make a JPEG 2000 file with a box that lies before the file's beginning."""
    stream = io.BytesIO()
    Image.fromarray(noise()[:40, :50]).save(stream, "JPEG2000")
    content = bytearray(stream.getvalue())
    content[15] = 0x80  # of the first box's length
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"time,frequency\n1,2\n", "not a picture", id="text"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%EOF", "not a picture", id="eps"),
        pytest.param(iptc(b"%!PS-Adobe-3.0 EPSF-3.0\n"), "not a picture", id="iptc"),
        pytest.param(icon("ICO"), "not a picture", id="ico"),
        pytest.param(icon("ICNS"), "not a picture", id="icns"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "damaged", id="PNG signature alone"),
        pytest.param(png(0, 0), "damaged", id="no pixels"),
        pytest.param(png(100, 100), "damaged", id="too little data"),
        pytest.param(badly_boxed(), "damaged", id="a length that leads astray"),
        *(
            pytest.param(truncated(name), "damaged", id=f"half a {name}")
            for name in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
        ),
    ],
)
def test_what_cannot_be_decoded_says_why(tmp_path, content, reason):
    path = tmp_path / "figure.png"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=reason) as caught:
        read_figure(path)
    assert "\n" not in str(caught.value)
    assert "figure.png" not in str(caught.value)


def test_a_missing_file_and_a_folder_say_so(tmp_path):
    with pytest.raises(PictureError, match=r"^no such file$"):
        read_figure(tmp_path / "missing.png")
    with pytest.raises(PictureError, match=r"^cannot be opened: this is a folder"):
        read_figure(tmp_path)


def test_a_folder_that_windows_does_not_permit_to_open_is_a_folder(
    tmp_path, monkeypatch
):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PictureError, match="this is a folder"):
        read_figure(tmp_path)


def test_a_file_without_permission_says_so(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PictureError, match="cannot be opened: permission denied"):
        read_figure(Path("locked.png"))


def test_threads_get_the_same_boxes_as_one_after_another():
    figures = [draw_figure(300 + 10 * i, 400 + 10 * i, seed=i) for i in range(16)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(find_plot, figures)) == [find_plot(f) for f in figures]


def test_a_line_through_half_of_viridis_is_no_colour_bar():
    ramp = VIRIDIS[np.linspace(0, 255, 100).astype(int)]
    half = np.concatenate([ramp[:50], np.tile(ramp[50], (50, 1))])
    lines = np.stack([ramp, ramp[::-1], half, half[::-1]])
    assert are_colour_bar(lines).tolist() == [True, True, False, False]


def test_dithered_viridis_is_viridis_and_grey_is_not():
    plot = viridis_like(224, 224)
    dithered = Image.fromarray(plot).convert("P").convert("RGB")
    grey = plot.mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8)
    half_grey = np.concatenate([plot[:112], grey[112:]])
    pictures = np.stack([plot, np.asarray(dithered), half_grey, grey])
    assert are_viridis(pictures).tolist() == [True, True, False, False]


def test_turbo_which_begins_as_dark_as_viridis_is_not_viridis():
    levels = np.clip(energy("blip", np.random.default_rng(1)) / 50, 0, 1)
    pictures = [colormaps[name](levels)[..., :3] for name in ("viridis", "turbo")]
    colours = (255 * np.stack(pictures)).astype(np.uint8)
    assert are_viridis(colours).tolist() == [True, False]


MARKS = {"magenta": ("magenta", 3), "red": ("red", 6), "wide": ("magenta", 8)}


def marked(pixels: np.ndarray, name: str) -> np.ndarray:
    height, width = pixels.shape[:2]
    picture, (colour, line) = Image.fromarray(pixels), MARKS[name]
    around = (0.3 * width, 0.3 * height, 0.65 * width, 0.7 * height)
    ImageDraw.Draw(picture).ellipse(around, outline=colour, width=line)
    return np.asarray(picture)


def brightened(pixels: np.ndarray, factor: float) -> np.ndarray:
    return (factor * pixels).clip(max=255).astype(np.uint8)


@pytest.mark.parametrize("name", MARKS)
def test_a_mark_on_viridis_leaves_it_viridis(name):
    assert are_viridis(marked(viridis_like(224, 224), name)[None]).all()


def test_a_small_blue_mark_on_a_quiet_plot_leaves_it_viridis():
    viridis = (255 * np.array(colormaps["viridis"].colors)).astype(np.uint8)
    quiet = viridis[np.random.default_rng(0).integers(0, 48, (224, 224))]
    quiet[100:120, 100:120] = 60, 70, 255
    assert are_viridis(quiet[None]).all()


@pytest.mark.parametrize("factor", [1.1, 1.2, 1.3])
def test_viridis_that_is_brightened_is_viridis(factor):
    assert are_viridis(brightened(viridis_like(224, 224), factor)[None]).all()


@needs_real
@pytest.mark.parametrize(
    "change",
    [
        *(pytest.param(lambda p, n=n: marked(p, n), id=n) for n in MARKS),
        pytest.param(lambda p: brightened(p, 1.2), id="bright"),
        pytest.param(lambda p: brightened(p, 1.3), id="brighter"),
    ],
)
def test_a_real_picture_in_viridis_stays_so_when_marked_or_brightened(change):
    for path in real_pictures(40):
        pixels = read_figure(path)
        box = find_plot(pixels)
        plot = box.crop(pixels)
        assert are_viridis(change(plot)[None]).all(), path.name


@needs_real
def test_a_real_picture_in_viridis_stays_so_as_jpeg():
    for path in real_pictures(40):
        pixels = read_figure(path)
        box = find_plot(pixels)
        plot = box.crop(pixels)
        assert are_viridis(jpeg(plot, 30)[None]).all(), path.name


def test_the_viridis_of_the_finder_is_matplotlibs():
    from gspy_cli.figure.colours import _VIRIDIS

    steps = np.linspace(0, 255, len(_VIRIDIS)).round().astype(int)
    table = colormaps["viridis"](steps)[:, :3]
    np.testing.assert_allclose(_VIRIDIS, 255 * table, atol=0.51)
