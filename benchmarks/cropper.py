"""Measure how long it takes to find the plot in a figure, decoding not counted.

The ratio is to one bilinear resize of the same picture to 224 x 224 with Pillow, run
in turn with it: on a busy machine both slow down alike.
Run: OMP_NUM_THREADS=1 python benchmarks/cropper.py [PICTURE ...]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from gspy_cli.figure import find_plot, read_figure

RUNS = 300
LIMIT_MS = 2.0  # for 800 x 600 pixels
EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


def milliseconds(work: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)


def compare(path: Path) -> None:
    """Print the best and median time for one picture, and the ratio's median."""
    pixels = read_figure(path)
    picture = Image.fromarray(pixels)

    def resize() -> np.ndarray:
        return np.asarray(picture.resize((224, 224), Image.Resampling.BILINEAR))

    pairs = [
        (milliseconds(lambda: find_plot(pixels)), milliseconds(resize))
        for _ in range(RUNS)
    ]
    ours, _ = zip(*pairs, strict=True)
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    print(
        f"{path.name} {picture.width}x{picture.height}: best {min(ours):.2f} ms, "
        f"median {statistics.median(ours):.2f} ms (limit {LIMIT_MS}), "
        f"{ratio:.2f} x a resize"
    )


def main() -> None:
    """Measure the pictures named, or the examples."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pictures", type=Path, nargs="*", metavar="PICTURE")
    for path in parser.parse_args().pictures or sorted(EXAMPLES.glob("*.png")):
        compare(path)


if __name__ == "__main__":
    main()
