"""Figures of a run: the paper's Fig. 1 (curves), Fig. 2 (comparison), and the latent.

Training and validation are in Okabe and Ito's colours, which all eyes can tell apart;
where there are more lines or classes than these, markers help the colours.
"""

import math
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font, get_font_names
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from gspy_cli.training.history import EpochRow

TRAIN, VALIDATION = "#0072B2", "#D55E00"
CHARACTER = 0.075  # inches, of a legend in small print
MARK = 5  # characters that a line's mark in a legend takes
FOLDED = 70  # characters of a name in a line
LONG = 28  # classes in one column of a legend
MORE_LETTERS = (  # fonts of many scripts
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Droid Sans Fallback"),
    *("Arial Unicode MS", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic"),
)


@contextmanager
def in_any_script() -> Iterator[None]:
    """Draw names in any script; a letter of `without_glyph` is a box."""
    with rc_context({"font.family": families()}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+")
        yield


def families() -> list[str]:
    """List the fonts to look for a letter in: matplotlib's, then larger ones."""
    installed = set(get_font_names())
    return [*rcParams["font.family"], *(f for f in MORE_LETTERS if f in installed)]


def no_mathematics(name: str) -> str:
    """Let a name be drawn as it is, whatever stands between its dollars."""
    return name.replace("$", r"\$")


def without_glyph(names: Iterable[str]) -> list[str]:
    """List the letters of names that no font here has."""
    fonts = [get_font(findfont(FontProperties(family=[f]))) for f in families()]
    letters = sorted({letter for name in names for letter in name})
    return [c for c in letters if not any(f.get_char_index(ord(c)) for f in fonts)]


def new_figure(width: float, height: float) -> Figure:
    """Begin a figure; sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def png(figure: Figure, *, dpi: int = 120) -> bytes:
    """Give a figure's PNG file."""
    stream = BytesIO()
    figure.savefig(stream, dpi=dpi, format="png")
    return stream.getvalue()


def draw_curves(history: Sequence[EpochRow]) -> bytes:
    """Draw loss and accuracy against epoch, for training and validation (Fig. 1)."""
    figure = new_figure(9, 3.6)
    losses, accuracies = figure.subplots(1, 2)
    for part, colour in (("train", TRAIN), ("validation", VALIDATION)):
        for axes, score in ((losses, "loss"), (accuracies, "accuracy")):
            epochs, values = broken_line(history, f"{part}_{score}")
            axes.plot(epochs, values, color=colour, marker=".", label=part)
    finish(losses, "loss")
    finish(accuracies, "accuracy")
    losses.legend(frameon=False)
    accuracies.legend(frameon=False)
    accuracies.set_ylim(0, 1.02)
    mark_phases(losses, history)
    return png(figure)


def broken_line(
    history: Sequence[EpochRow], score: str
) -> tuple[list[float], list[float]]:
    """Give epochs and scores, with a gap where one phase ends and the next begins."""
    epochs: list[float] = []
    values: list[float] = []
    for i, row in enumerate(history):
        if i and row.phase != history[i - 1].phase:
            epochs.append(row.epoch - 0.5)
            values.append(math.nan)
        epochs.append(row.epoch)
        values.append(getattr(row, score))
    return epochs, values


def finish(axes: Axes, ylabel: str) -> None:
    """Name the axes, and number epochs by whole numbers."""
    axes.set(xlabel="epoch", ylabel=ylabel)
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def mark_phases(axes: Axes, history: Sequence[EpochRow]) -> None:
    """Draw a line where the autoencoder's classification begins."""
    if history[0].phase == "reconstruct":
        first = sum(row.phase == "reconstruct" for row in history)
        axes.axvline(first + 0.5, color="grey", linestyle=":")
        axes.set_title("dotted: end of reconstruction", fontsize="small")


@in_any_script()
def draw_comparison(runs: Mapping[str, Sequence[EpochRow]]) -> bytes:
    """Draw each run's validation loss and accuracy against epoch (Fig. 2)."""
    figure = new_figure(9, 3.6)
    losses, accuracies = figure.subplots(1, 2)
    colours = colormaps["viridis"](np.linspace(0, 0.9, len(runs)))
    markers = "os^Dvx*P"
    lines = []
    for i, history in enumerate(runs.values()):
        style: dict[str, Any] = {"color": colours[i], "marker": markers[i % 8]}
        epochs = [row.epoch for row in history]
        for axes, score in ((losses, "loss"), (accuracies, "accuracy")):
            values = [getattr(row, f"validation_{score}") for row in history]
            lines += axes.plot(epochs, values, **style)
    finish(losses, "validation loss")
    finish(accuracies, "validation accuracy")
    name_below(figure, lines[::2], list(runs))
    return png(figure)


def name_below(figure: Figure, handles: Sequence[Any], names: Sequence[str]) -> None:
    """Name below a figure what it shows; it grows, so that no name is cut off."""
    names = [no_mathematics(textwrap.fill(name, FOLDED)) for name in names]
    for columns in range(len(names), 0, -1):
        legend = figure.legend(
            handles, names, loc="outside lower center", frameon=False, ncols=columns,
            fontsize="small",
        )  # fmt: skip
        size = legend.get_window_extent()
        if size.width < figure.bbox.width or columns == 1:
            break
        legend.remove()
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + size.height / figure.dpi)


def draw_reconstructions(
    pictures: NDArray[np.float32], rebuilt: NDArray[np.float32]
) -> bytes:
    """Draw pictures (N, H, W, 3), 0 to 1, each above its reconstruction."""
    number = len(pictures)
    figure = new_figure(1.6 * number, 3.5)
    grid = figure.subplots(2, number, squeeze=False)
    for row, name, images in ((0, "input", pictures), (1, "rebuilt", rebuilt)):
        for column in range(number):
            axes = grid[row, column]
            axes.imshow(images[column].clip(0, 1))
            axes.set_xticks([])
            axes.set_yticks([])
        grid[row, 0].set_ylabel(name)
    return png(figure, dpi=100)


@in_any_script()
def draw_latent(
    latent: NDArray[np.float32], labels: NDArray[np.int64], classes: Sequence[str]
) -> bytes:
    """Draw latents (N, D) on their two principal axes, coloured by class."""
    centred = latent - latent.mean(axis=0)
    axes_of_variance = np.linalg.svd(centred, full_matrices=False)[2][:2]
    plane = centred @ axes_of_variance.T  # (N, 2), of one picture (1, 1)
    plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    columns = -(-len(classes) // LONG)
    names = columns * (MARK + max(map(len, classes))) * CHARACTER  # inches
    figure = new_figure(6.5 + names, 5.5)
    axes = figure.subplots()
    colours = colormaps["turbo"](np.linspace(0, 1, len(classes)))
    marks = []
    for i in range(len(classes)):
        x, y = plane[labels == i].T
        marker = "os^Dvx"[i % 6]
        marks.append(axes.scatter(x, y, s=14, color=colours[i], marker=marker))
    axes.ticklabel_format(scilimits=(-2, 3))
    axes.set_xlabel("first principal axis of the latent")
    axes.set_ylabel("second principal axis")
    figure.legend(
        marks, list(map(no_mathematics, classes)), loc="outside right upper",
        frameon=False, fontsize="small", ncols=columns,
    )  # fmt: skip
    return png(figure)
