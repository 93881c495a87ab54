"""Measure what a model flags as unfamiliar, and what it should not flag.

    python benchmarks/familiarity.py MODEL.onnx --simulated DIR --real CSV

`--simulated` are glitches that `gspy export --simulated` did not have, `--real` is a
table of real figures.
`--unknown A,B` tells of classes that the model has never seen, and of nothing else.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from strangers import strangers

from gspy_cli.figure.colours import are_viridis
from gspy_cli.labels import CLASSES
from gspy_cli.model import Model, load_model
from gspy_cli.training.simulated import read_simulated
from gspy_cli.training.variants import read_labelled

Scores = NDArray[np.float32]  # (N,)


def familiarity(model: Model, pictures: NDArray[np.uint8]) -> Scores:
    """Give the scores (N,) of pictures; 0 for those in other colours."""
    found = []
    for start in range(0, len(pictures), 64):
        batch = np.ascontiguousarray(pictures[start : start + 64])
        scores = model.judge(batch)[1] if model.judge else np.ones(len(batch))
        found.append(scores * are_viridis(batch))
    return np.concatenate(found)


def auroc(known: Scores, strange: Scores) -> float:
    """Give the chance that a known picture's score is above a strange one's."""
    both = np.sort(known)
    below = np.searchsorted(both, strange, "left")
    upto = np.searchsorted(both, strange, "right")
    return float(1 - (below + upto).mean() / (2 * len(both)))


def show(name: str, known: Scores, strange: Scores, threshold: float) -> None:
    """Print a row: how strange pictures are beside known ones."""
    flagged = (strange < threshold).mean()
    print(f"| {name} | {len(strange)} | {auroc(known, strange):.3f} | {flagged:.3f} |")


def unknown_classes(
    model: Model, names: list[str], directory: Path, size: int, threshold: float
) -> None:
    """Print how strange the classes are that the model has never seen."""
    pictures, labels = read_simulated(directory, size)
    unknown = [CLASSES.index(name) for name in names]
    known = familiarity(model, pictures[~np.isin(labels, unknown)])
    show("the other classes", known, known, threshold)
    for index, name in zip(unknown, names, strict=True):
        show(name, known, familiarity(model, pictures[labels == index]), threshold)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    for name in ("--simulated", "--real"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--unknown", help="classes that MODEL has never seen: A,B,...")
    given = parser.parse_args()
    model = load_model(str(given.model), device="cpu")
    size, threshold = model.card.input_size[0], model.card.unfamiliar_below
    print("| pictures | count | AUROC | flagged |\n|---|---|---|---|")
    if given.unknown:
        names = given.unknown.split(",")
        unknown_classes(model, names, given.simulated, size, threshold)
        return
    tried = read_simulated(given.simulated, size)[0][::4]
    known = familiarity(model, tried)
    show("simulated glitches", known, known, threshold)
    pixels = read_labelled(given.real, model.card, given.cache).pictures
    real = pixels.rows(range(len(pixels)))
    scores = familiarity(model, real)
    show("real figures", known, scores, threshold)
    for name, pictures in strangers(real[::3], count=100):
        show(name, scores, familiarity(model, pictures), threshold)


if __name__ == "__main__":
    main()
