"""Score a CSV of `gspy classify` against a manifest of true labels.

Prints accuracy per picture and, with the views of each glitch fused, per glitch and
class. Run: python benchmarks/score.py labels.csv manifest.csv
The manifest has columns `file, label, glitch`; files are relative to it.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from gspy_cli.labels import CLASSES
from gspy_cli.metrics import calibration_error
from gspy_cli.views import fuse

O3_ONLY = {"Blip_Low_Frequency", "Fast_Scattering"}


def rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main() -> None:
    """Compare a table of results with the truth."""
    results, manifest = (Path(argument) for argument in sys.argv[1:3])
    truth = {(manifest.parent / r["file"]).resolve(): r for r in rows(manifest)}
    views: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for row in rows(results):
        known = truth[Path(row["path"]).resolve()]
        scores = [float(row[name]) for name in CLASSES]
        views[known["label"], known["glitch"]].append(scores)
    pictures = np.array([scores for found in views.values() for scores in found])
    names = [key[0] for key, found in views.items() for _ in found]
    labels = np.array([CLASSES.index(name) for name in names])
    right: dict[str, list[bool]] = defaultdict(list)
    for (label, _), found in views.items():
        right[label].append(CLASSES[int(fuse(np.array(found)).argmax())] == label)
    every = [hit for hits in right.values() for hit in hits]
    older = [hit for name, hits in right.items() if name not in O3_ONLY for hit in hits]
    print(f"pictures   {(pictures.argmax(1) == labels).mean():.4f} of {len(labels)}")
    print(f"glitches   {np.mean(every):.4f} of {len(every)}, views fused")
    print(f"22 classes {np.mean(older):.4f} of {len(older)} glitches")
    balanced = np.mean([np.mean(hits) for hits in right.values()])
    print(f"balanced   {balanced:.4f} over {len(right)} classes, glitches")
    print(f"ECE        {calibration_error(pictures, labels):.4f}, pictures")
    for name in sorted(right):
        print(f"{name:22} {sum(right[name]):3} of {len(right[name])}")


if __name__ == "__main__":
    main()
