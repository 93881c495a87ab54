"""The figures of a report, in colours that all eyes can tell apart.

Lines are in Okabe and Ito's colours, matrices in shades of blue.
"""

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gspy_cli.evaluation.comparison import Contender
from gspy_cli.evaluation.misclassifications import Misclassification, read_plot
from gspy_cli.evaluation.scores import Calibration, confusion_of
from gspy_cli.metrics import BINS, EDGES, bin_of, wilson_interval
from gspy_cli.training.answers import Answers
from gspy_cli.training.curves import (
    CHARACTER,
    TRAIN,
    VALIDATION,
    in_any_script,
    name_below,
    new_figure,
    no_mathematics,
    png,
    without_glyph,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREY = TRAIN, VALIDATION, "#777777"
COLOURS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#000000")
MARKERS = "os^Dv*P"
SHOWN = 8  # errors in the figure of errors
TITLE = 32  # characters in a line of its titles


@in_any_script()
def draw_confusion(answers: Answers, *, normalised: bool) -> bytes:
    """Draw the confusion matrix (Fig. 3): counts, or parts of each true class.

    Classes that neither occur nor are named are left out.
    """
    counts = confusion_of(answers)
    there = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    counts = counts[np.ix_(there, there)]
    totals = counts.sum(axis=1, keepdims=True)
    parts = np.divide(counts, totals, where=totals > 0, out=np.zeros(counts.shape))
    names = [answers.classes[i] for i in there]
    side = 1.2 + max(0.33 * len(names), 1.5)
    labels = [f"{n} ({t})" for n, t in zip(names, totals[:, 0], strict=True)]
    left, below = (CHARACTER * max(map(len, texts)) for texts in (labels, names))
    figure = new_figure(side + left, side + below)
    axes = figure.subplots()
    shade = parts if normalised else counts / max(counts.max(), 1)
    axes.imshow(shade, cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(counts):
        if count:
            text = f"{parts[i, j]:.2f}".lstrip("0") if normalised else str(count)
            text = "1" if text == "1.00" else text
            colour = "white" if shade[i, j] > 0.5 else "black"
            axes.text(j, i, text, ha="center", va="center", size=7.5, color=colour)
    label_matrix(axes, labels, names)
    return png(figure)


def label_matrix(axes: "Axes", rows: Sequence[str], columns: Sequence[str]) -> None:
    """Name the rows and columns, and part them by thin lines."""
    rows, columns = (list(map(no_mathematics, names)) for names in (rows, columns))
    axes.set_yticks(range(len(rows)), rows, fontsize=8.5)
    axes.set_xticks(range(len(columns)), columns, fontsize=8.5, rotation=90)
    edges = np.arange(len(rows) - 1) + 0.5
    axes.hlines(edges, -0.5, len(rows) - 0.5, color="#dddddd", linewidth=0.5)
    axes.vlines(edges, -0.5, len(rows) - 0.5, color="#dddddd", linewidth=0.5)
    axes.set_ylabel("true class (number)")
    axes.set_xlabel("named")


def draw_reliability(answers: Answers, suited: Calibration | None) -> bytes:
    """Draw accuracy against confidence, with 95 % intervals, and how many are where."""
    figure = new_figure(6.5, 6)
    accuracy, number = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    accuracy.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="perfect")
    right, label = answers.right, "as the model says"
    draw_bins(accuracy, answers.confidence, right, colour=BLUE, marker="o", label=label)
    if suited:
        confidence = suited.cross_fitted.max(axis=1)
        label = "at a temperature fitted on other glitches"
        draw_bins(accuracy, confidence, right, colour=ORANGE, marker="s", label=label)
    counts = np.bincount(bin_of(answers.confidence), minlength=BINS)
    number.stairs(counts, EDGES, fill=True, color=BLUE)
    accuracy.set(ylabel="accuracy", xlim=(0, 1), ylim=(-0.02, 1.02))
    figure.legend(
        *accuracy.get_legend_handles_labels(), loc="outside upper left", frameon=False
    )
    accuracy.grid(alpha=0.3)
    number.set(xlabel="confidence", ylabel="pictures")
    return png(figure)


def draw_bins(
    axes: "Axes",
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    *,
    colour: str,
    marker: str,
    label: str,
) -> None:
    """Draw each bin's accuracy at its mean confidence."""
    place = bin_of(confidence)
    bins = [place == b for b in np.unique(place)]
    x, y = (np.array([of[b].mean() for b in bins]) for of in (confidence, right))
    counts = [(int(right[b].sum()), int(b.sum())) for b in bins]
    ends = np.transpose([wilson_interval(*count) for count in counts])  # (2, bins)
    style: dict[str, Any] = {"color": colour, "marker": marker, "label": label}
    axes.errorbar(x, y, np.abs(ends - y), capsize=2, linewidth=1, **style)


@in_any_script()
def draw_errors(errors: Sequence[Misclassification]) -> bytes:
    """Draw misnamed pictures beside typical members of the class named (Fig. 4)."""
    shown = errors[:SHOWN]
    rows = -(-len(shown) // 2)
    figure = new_figure(10, 2.6 * rows)
    grid = figure.subplots(rows, 5, squeeze=False, width_ratios=(1, 1, 0.1, 1, 1))
    for axes in grid.flat:
        axes.axis("off")
    for i, error in enumerate(shown):
        left, right = grid[i // 2, 3 * (i % 2) :][:2]
        named = f"named {error.named} {error.confidence:.2f}"
        title = wrapped(f"true {error.example.label}", named)
        show_plot(left, read_plot(error.example), title, ORANGE)
        if error.typical:
            title = wrapped("a typical", error.named)
            show_plot(right, read_plot(error.typical), title, BLUE)
        else:
            title = wrapped("no right", f"{error.named} to show")
            right.set_title(title, size=8)
    return png(figure)


def wrapped(*lines: str) -> str:
    """Join lines, those too long for a title folded."""
    return no_mathematics("\n".join(textwrap.fill(line, TITLE) for line in lines))


def note_of_letters(names: Iterable[str]) -> list[str]:
    """Tell of letters that no font here has."""
    letters = without_glyph(names)
    if not letters:
        return []
    return [
        f"boxes stand for {' '.join(letters)} in figures, which no font here has: "
        "install Noto Sans CJK or another that has"
    ]


def show_plot(axes: "Axes", plot: NDArray[np.uint8], title: str, colour: str) -> None:
    """Show a spectrogram with a title."""
    axes.imshow(plot, aspect="auto")
    axes.set_title(title, size=8, color=colour)


@in_any_script()
def draw_size(rows: Sequence[Contender]) -> bytes | None:
    """Draw accuracy per glitch against parameters (Table 1); None without two."""
    known = [(row, row.parameters) for row in rows if row.parameters]
    if len(known) < 2:
        return None
    figure = new_figure(7, 4.2)
    axes = figure.subplots()
    twins: Counter[tuple[int, float]] = Counter()
    bars = []
    for i, (row, parameters) in enumerate(known):
        low, high = row.evaluation.glitch_scores.interval
        accuracy = row.evaluation.glitch_scores.accuracy
        rings = twins[parameters, accuracy]
        twins[parameters, accuracy] += 1
        bar = axes.errorbar(
            [parameters],
            [accuracy],
            [[accuracy - low], [high - accuracy]],
            color=COLOURS[i % len(COLOURS)],
            marker=MARKERS[i % len(MARKERS)],
            markersize=6 + 5 * rings,  # one at the same place goes around it
            fillstyle="none" if rings else "full",
            capsize=3,
        )
        bars.append(bar)
    axes.set_xscale("log")
    axes.set(xlabel="parameters", ylabel="accuracy per glitch, 95 % interval")
    axes.grid(alpha=0.3, which="both")
    name_below(figure, bars, [row.evaluation.subject.name for row, _ in known])
    return png(figure)
