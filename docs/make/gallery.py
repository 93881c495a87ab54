"""Draw the gallery: for each class a strip of one simulated glitch's four windows.

Run: python docs/make/gallery.py [docs/gallery]
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from gspy_cli.labels import CLASSES
from gspy_cli.results import WINDOWS
from gspy_cli.simulate.dataset import scene_views
from gspy_cli.simulate.scene import draw_scene
from gspy_cli.strain.grid import HIGH_HZ, LOW_HZ

SEEDS = {
    "1080Lines": 1,
    "1400Ripples": 1,
    "Air_Compressor": 2,
    "Blip": 4,
    "Blip_Low_Frequency": 6,
    "Chirp": 2,
    "Extremely_Loud": 2,
    "Fast_Scattering": 2,
    "Helix": 3,
    "Koi_Fish": 5,
    "Light_Modulation": 0,
    "Low_Frequency_Burst": 3,
    "Low_Frequency_Lines": 1,
    "No_Glitch": 2,
    "None_of_the_Above": 3,
    "Paired_Doves": 2,
    "Power_Line": 1,
    "Repeating_Blips": 4,
    "Scattered_Light": 2,
    "Scratchy": 4,
    "Tomte": 5,
    "Violin_Mode": 0,
    "Wandering_Line": 3,
    "Whistle": 6,
}
"""Of seeds 0 to 7 one that shows its class well, chosen by eye."""
HEIGHT, WIDTH, LEFT, TOP, GAP = 160, 190, 44, 18, 6  # pixels
TICKS_HZ = (16, 64, 256, 1024)


def tick_row(frequency_hz: float) -> float:
    """Give the row of a frequency, on the logarithmic axis of the plot."""
    octaves = np.log2(HIGH_HZ / LOW_HZ)
    return TOP + HEIGHT * np.log2(HIGH_HZ / frequency_hz) / octaves


def strip(label: str) -> Image.Image:
    """Draw the four windows of a glitch side by side, with times and frequencies."""
    scene = draw_scene(label, seed=SEEDS[label], index=CLASSES.index(label))
    views = scene_views(scene, height=HEIGHT, width=WIDTH, early=False)
    size = (LEFT + 4 * (WIDTH + GAP) - GAP, TOP + HEIGHT + 4)
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    for tick in TICKS_HZ:
        row = tick_row(tick)
        pen.text((LEFT - 8, row), str(tick), fill="black", anchor="rm")
        pen.line((LEFT - 5, row, LEFT, row), fill="black")
    pen.text((4, 1), "Hz", fill="black")
    for place, (view, window) in enumerate(zip(views, WINDOWS, strict=True)):
        left = LEFT + place * (WIDTH + GAP)
        picture.paste(Image.fromarray(view), (left, TOP))
        middle = left + WIDTH // 2
        pen.text((middle, 1), f"{window:g} s", fill="black", anchor="ma")
    return picture


def main() -> None:
    """Write a JPEG for each class."""
    folder = (
        Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1] / "gallery"
    )
    folder.mkdir(exist_ok=True)
    for label in CLASSES:
        strip(label).save(folder / f"{label}.jpg", quality=80, optimize=True)


if __name__ == "__main__":
    main()
