"""Draw one simulated glitch of each class, its four windows side by side.

Run: python benchmarks/contact_sheet.py OUT.jpg [--seed N] [--noise STRAIN]
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw

from gspy_cli.labels import CLASSES
from gspy_cli.simulate.dataset import scene_views
from gspy_cli.simulate.quiet import read_quiet
from gspy_cli.simulate.scene import draw_scene

COLUMNS = 3
HEIGHT, WIDTH, TITLE, GAP = 112, 134, 16, 10  # pixels


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--noise", type=Path)
    options = parser.parse_args()
    quiet = read_quiet(options.noise) if options.noise else None
    step_x, step_y = 4 * (WIDTH + 1) + GAP, HEIGHT + TITLE + GAP
    size = (COLUMNS * step_x - GAP, len(CLASSES) // COLUMNS * step_y - GAP)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for index, label in enumerate(CLASSES):
        row, column = divmod(index, COLUMNS)
        left, top = column * step_x, row * step_y
        scene = draw_scene(label, seed=options.seed, index=index, quiet=quiet)
        views = scene_views(scene, height=HEIGHT, width=WIDTH, early=False)
        pen.text((left, top + 2), label.replace("_", " "), fill="black")
        for place, view in enumerate(views):
            at = (left + place * (WIDTH + 1), top + TITLE)
            sheet.paste(Image.fromarray(view), at)
    sheet.save(options.out, quality=85)


if __name__ == "__main__":
    main()
