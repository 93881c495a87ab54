"""Compare simulated glitches with real figures, by eye and by a classifier.

Writes a contact sheet for each class, real above simulated, and prints how well a
classifier tells real from simulated: 0.5 is chance. It is ridge regression on the
model's embeddings, a glitch's views averaged, 10 folds over glitches, for classes with
20 real glitches in PNG of one kind; simulated ones are of the same era and windows.
Run: python benchmarks/realism.py MANIFEST OUT [--noise STRAIN] [--classes A,B]
The manifest has columns `file, label, glitch, window, source`.
"""

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from gspy_cli import registry
from gspy_cli.image import network_input
from gspy_cli.labels import CLASSES
from gspy_cli.results import WINDOWS
from gspy_cli.simulate.dataset import scene_views
from gspy_cli.simulate.origins import draw_origin
from gspy_cli.simulate.quiet import Quiet, read_quiet
from gspy_cli.simulate.scene import Scene, draw_scene
from gspy_cli.strain.eras import Era

SIDE = 160
SEED = 9090  # of no training set
SHEET_ROWS = 8  # of two simulated glitches
SHEET_REAL = 16
ENOUGH = 20  # real glitches to test a class by
DRAWS = 4  # simulated sets to test against the real one
FOLDS = 10
RIDGE = 3.0
ERAS = {
    "Gravity Spy training set v1": (Era.OLD, Era.MID),
    "Gravity Spy O3 L1": (Era.O3,),
}

Pixels = NDArray[np.uint8]
Row = dict[str, str]


def read(path: Path) -> Pixels:
    """Cut the plot out of a figure, as the network sees it."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return network_input(pixels, height=SIDE, width=SIDE)


def views(scene: Scene) -> Pixels:
    """Draw a scene's four windows."""
    return scene_views(scene, height=SIDE, width=SIDE, early=False)


def sheet(label: str, rows: list[Row], folder: Path, quiet: Quiet | None) -> Pixels:
    """Lay real plots above simulated ones, eight in a row."""
    found = [read(folder / row["file"]) for row in rows if row["label"] == label]
    found = found[:SHEET_REAL]
    blank = np.full((SIDE, SIDE, 3), 255, np.uint8)
    tiles = found + [blank] * (-len(found) % 8 + 8)  # an empty row between
    for index in range(2 * SHEET_ROWS):
        tiles += list(views(draw_scene(label, seed=SEED, index=index, quiet=quiet)))
    grid = np.array(tiles).reshape(-1, 8, SIDE, SIDE, 3)
    return grid.transpose(0, 2, 1, 3, 4).reshape(-1, 8 * SIDE, 3)


def of_era(
    label: str, eras: tuple[Era, ...], count: int, quiet: Quiet | None
) -> Iterator[Pixels]:
    """Draw simulated glitches of some eras; others are passed over, most unseen."""
    index = 2 * SHEET_ROWS
    while count:
        index += 1
        sequence = np.random.SeedSequence((SEED, index, 0))
        if draw_origin(np.random.default_rng(sequence), label).era not in eras:
            continue
        scene = draw_scene(label, seed=SEED, index=index, quiet=quiet)
        if scene.origin.era in eras:
            count -= 1
            yield views(scene)


def told_apart(real: NDArray, simulated: NDArray, rng: np.random.Generator) -> float:
    """Give the mean accuracy on held-out glitches, real and simulated ones alike."""
    features = np.concatenate([real, simulated])
    truth = np.repeat([1.0, -1.0], [len(real), len(simulated)])
    folds = np.concatenate(
        [rng.permutation(np.arange(n) % FOLDS) for n in (len(real), len(simulated))]
    )
    right = []
    for fold in range(FOLDS):
        seen = folds != fold
        mean, spread = features[seen].mean(0), features[seen].std(0) + 1e-3
        scaled = (features - mean) / spread / np.sqrt(features.shape[1])
        kernel = scaled[seen] @ scaled[seen].T
        ridge = RIDGE * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
        weights = np.linalg.solve(kernel + ridge, truth[seen])
        guesses = np.sign(scaled[~seen] @ scaled[seen].T @ weights)
        right += list(guesses == truth[~seen])
    return float(np.mean(right))


def test_class(
    label: str,
    rows: list[Row],
    folder: Path,
    quiet: Quiet | None,
    session: onnxruntime.InferenceSession,
) -> str:
    """Test one class against the real figures of one source."""

    def embed(pixels: list[Pixels]) -> NDArray:
        (found,) = session.run(["embedding"], {"image": np.array(pixels)})
        return found.mean(axis=0)

    glitches = defaultdict(list)
    for row in rows:
        glitches[row["glitch"]].append(row)
    windows = sorted({float(row["window"]) for row in rows})
    chosen = [WINDOWS.index(window) for window in windows]
    real = np.array(
        [embed([read(folder / r["file"]) for r in g]) for g in glitches.values()]
    )
    eras = ERAS[rows[0]["source"].partition(",")[0]]
    drawn = of_era(label, eras, DRAWS * len(real), quiet)
    simulated = np.array([embed([v[i] for i in chosen]) for v in drawn])
    rng = np.random.default_rng(0)
    sets = simulated.reshape(DRAWS, len(real), -1)
    scores = [told_apart(real, one, rng) for one in sets]
    return (
        f"{label:16} {len(real):3} real  told apart {np.mean(scores):.2f} "
        f"(of {DRAWS} draws {min(scores):.2f} to {max(scores):.2f})"
    )


def main() -> None:
    """Draw the sheets and print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--noise", type=Path)
    parser.add_argument("--classes", default=",".join(CLASSES))
    options = parser.parse_args()
    with options.manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    folder, wanted = options.manifest.parent, options.classes.split(",")
    quiet = read_quiet(options.noise) if options.noise else None
    options.out.mkdir(parents=True, exist_ok=True)
    for label in wanted:
        picture = Image.fromarray(sheet(label, rows, folder, quiet))
        picture.save(options.out / f"{label}.png")
    session = onnxruntime.InferenceSession(str(registry.find(None)))
    groups = defaultdict(list)
    for row in rows:
        source = row["source"].partition(",")[0]
        if source in ERAS and row["label"] in wanted:
            groups[row["label"], source].append(row)
    for (label, _), found in sorted(groups.items()):
        if len({row["glitch"] for row in found}) >= ENOUGH:
            print(test_class(label, found, folder, quiet, session), flush=True)


if __name__ == "__main__":
    main()
