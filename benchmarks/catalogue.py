"""Compare the simulator's glitches with Gravity Spy's training set: frequency and SNR.

The catalogue gives each glitch's loudest tile as Omicron found it: `peak_frequency` in
hertz and `snr` (trainingset_v1d1_metadata.csv, Zenodo 1476551). A simulated glitch's
loudest tile is found on the smooth floor of its detector, without noise or lines.
Omicron's planes go to lower Q, and its SNRs of the loudest glitches are those of long
stretches: only the bulk of the numbers can be compared.

python benchmarks/catalogue.py trainingset_v1d1_metadata.csv [--count 200] [--plot PNG]
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from gspy_cli.simulate.clock import make_clock
from gspy_cli.simulate.detectors import draw_floor
from gspy_cli.simulate.scene import CLOCK_S, SAMPLE_RATE_HZ, place
from gspy_cli.simulate.waveforms import WAVEFORMS

FEWEST = 5  # of a class in the catalogue
QUANTILES = 0.05, 0.25, 0.5, 0.75, 0.95
SIDES = "catalogue", "simulated"
COLOURS = "0.35", "tab:orange"

Tiles = list[tuple[float, float]]  # peak frequency in hertz, SNR


def catalogue(table: Path) -> dict[str, Tiles]:
    """Read each class's tiles."""
    found: dict[str, Tiles] = defaultdict(list)
    with table.open(newline="") as lines:
        for row in csv.DictReader(lines):
            found[row["label"]].append(
                (float(row["peak_frequency"]), float(row["snr"]))
            )
    return found


def simulated(label: str, *, count: int, seed: int) -> Tiles:
    """Draw glitches of O1, where nearly all of the training set is from."""
    tiles = []
    for index in range(count):
        rng = np.random.default_rng((seed, index))
        clock = make_clock(
            sample_rate_hz=SAMPLE_RATE_HZ,
            duration_s=CLOCK_S,
            floor=draw_floor(rng, run="O1"),
        )
        _, tile = place(rng, clock, WAVEFORMS[label](rng, clock))
        tiles.append((tile.frequency_hz, float(np.sqrt(2 * tile.energy))))
    return tiles


def plot(pairs: dict[str, tuple[Tiles, Tiles]], path: Path) -> None:
    """Draw 5 to 95 % as a thin line, the middle half as a thick one, and the median."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 8), sharey=True, layout="tight")
    names = ("Frequency of the loudest tile (Hz)", "Its signal-to-noise ratio")
    for column, (ax, name) in enumerate(zip(axes, names, strict=True)):
        for row, pair in enumerate(pairs.values()):
            for side, tiles in enumerate(pair):
                values = np.array(tiles)[:, column]
                low, first, middle, third, high = np.quantile(values, QUANTILES)
                colour, y = COLOURS[side], row + (side - 0.5) * 0.34
                ax.plot([low, high], [y, y], color=colour, lw=1)
                ax.plot([first, third], [y, y], color=colour, lw=4, label=SIDES[side])
                ax.plot(middle, y, "o", color="white", mec=colour, ms=5)
        ax.set(xscale="log", xlabel=name)
        ax.xaxis.set_major_formatter("{x:g}")
        ax.grid(axis="x", color="0.9")
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(pairs)), [label.replace("_", " ") for label in pairs])
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    axes[1].legend(handles[:2], labels[:2], frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Print both sides' quantiles, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", type=Path, help="trainingset_v1d1_metadata.csv")
    parser.add_argument("--count", type=int, default=200, help="draws of each class")
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--plot", type=Path, help="a picture of it")
    options = parser.parse_args()
    real = catalogue(options.table)
    enough = {label for label, tiles in real.items() if len(tiles) >= FEWEST}
    labels = [label for label in WAVEFORMS if label in enough - {"No_Glitch"}]
    pairs = {
        label: (real[label], simulated(label, count=options.count, seed=options.seed))
        for label in track(labels, "Simulating")
    }
    table = Table("class", "", "count", "peak frequency (Hz)", "SNR")
    for label, pair in pairs.items():
        for side, tiles in zip(SIDES, pair, strict=True):
            spreads = [
                " ".join(f"{v:6.4g}" for v in np.quantile(values, QUANTILES))
                for values in np.array(tiles).T
            ]
            table.add_row(label, side, str(len(tiles)), *spreads)
    Console(width=120).print(table)
    if options.plot:
        plot(pairs, options.plot)


if __name__ == "__main__":
    main()
