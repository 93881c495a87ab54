"""Draw the accuracies of several training runs side by side, for docs/training.md.

python benchmarks/training_curves.py OUTPUT.png TITLE=RUN ...
"""

import argparse
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gspy_cli.training.curves import TRAIN, VALIDATION, broken_line
from gspy_cli.training.history import read_history


def draw(axes: Axes, title: str, run: Path) -> None:
    """Draw one run's accuracies; shade the epochs of reconstruction."""
    history = read_history(run / "results.csv")
    for part, colour in (("train", TRAIN), ("validation", VALIDATION)):
        epochs, values = broken_line(history, f"{part}_accuracy")
        axes.plot(epochs, values, color=colour, marker=".", label=part)
    first = sum(row.phase == "reconstruct" for row in history)
    if first:
        axes.axvspan(0.5, first + 0.5, color="grey", alpha=0.15, lw=0)
    axes.set(title=title, xlabel="epoch", ylim=(0, 1.02))
    axes.grid(alpha=0.3)


def main() -> None:
    """Draw a panel for each `TITLE=RUN`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("named", nargs="+", metavar="TITLE=RUN")
    arguments = parser.parse_args()
    named = arguments.named
    figure = Figure(figsize=(2.7 * len(named), 2.9), layout="constrained")
    grid = figure.subplots(1, len(named), sharey=True, squeeze=False)[0]
    for axes, text in zip(grid, named, strict=True):
        title, _, run = text.rpartition("=")
        draw(axes, title, Path(run))
    grid[0].set_ylabel("accuracy")
    grid[0].legend(frameon=False)
    figure.savefig(arguments.output, dpi=100)


if __name__ == "__main__":
    main()
