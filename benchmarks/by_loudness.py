"""Count how many simulated glitches a model names right, by class and loudness.

    python benchmarks/by_loudness.py DIR [DIR ...] [--model M]

DIR is of `gspy simulate --inputs`, of glitches that the model was not trained on. The
loudness is the SNR of a glitch's loudest tile; the views of a glitch are fused.
"""

import argparse
import csv
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from rich.progress import track

from gspy_cli.glitches import fuse
from gspy_cli.model import Model, load_model

BORDERS = 10, 20  # of the SNR
ABOVE = 0.02  # of a class, for another one to be listed


def named(directory: Path, model: Model) -> list[tuple[str, float, str]]:
    """Give each glitch's class, SNR and the name that the model has for it."""
    inputs = np.load(directory / "inputs.npy", mmap_mode="r")
    with (directory / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    found = []
    for row, views in zip(track(rows, str(directory)), inputs, strict=True):
        best = int(fuse(model.score(np.array(views))).argmax())
        found.append((row["label"], float(row["snr"]), model.card.classes[best]))
    return found


def share(label: str, glitches: list[tuple[float, str]]) -> str:
    """Write how many are named right, and of how many."""
    if not glitches:
        return ""
    return f"{np.mean([name == label for _, name in glitches]):.2f} ({len(glitches)})"


def main() -> None:
    """Print a row for each class, and one for all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("directories", type=Path, nargs="+", metavar="DIR")
    parser.add_argument("--model")
    options = parser.parse_args()
    model = load_model(options.model)
    classes = defaultdict(list)
    for directory in options.directories:
        for label, snr, name in named(directory, model):
            classes[label].append((snr, name))
    low, high = BORDERS
    print(f"| class | all | SNR below {low} | {low} to {high} | above | mostly |")
    print("|---|---|---|---|---|---|")
    for label, glitches in sorted(classes.items()):
        parts = [
            [glitch for glitch in glitches if first <= glitch[0] < last]
            for first, last in ((0, low), (low, high), (high, np.inf))
        ]
        others = Counter(name for _, name in glitches if name != label)
        often = ", ".join(
            f"{name} {count / len(glitches):.2f}"
            for name, count in others.most_common()
            if count >= ABOVE * len(glitches)
        )
        cells = [share(label, part) for part in (glitches, *parts)]
        print(f"| {label} | {' | '.join(cells)} | {often} |")
    right = [name == label for label, found in classes.items() for _, name in found]
    print(f"| all | {np.mean(right):.3f} ({len(right)}) | | | | |")


if __name__ == "__main__":
    main()
