"""Which part of a picture a model's answer rests on."""

import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from gspy_cli.model import Model

PATCHES = 8  # a side; a patch is moved by half its own side
BATCH = 32
PANEL = (480, 360)  # width and height of a plot in the picture, pixels
MARGIN, STRIP = 12, 34  # pixels
BLUR = 12  # pixels; patches have edges that mean nothing
ORANGE, EDGE = (230, 120, 0), (213, 94, 0)
LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Explanation:
    """A plot (H, W, 3), what it was named, and how much each place counts (H, W).

    `heat` is from 0 to 1; all 0 where no single place counts. `method` says how it
    was found.
    """

    plot: NDArray[np.uint8]
    label: str
    confidence: float
    heat: NDArray[np.float64]
    method: str


def occlusion_map(
    plot: NDArray[np.uint8], model: Model, index: int
) -> NDArray[np.float64]:
    """Map how much of a class's log-probability is lost where a place is covered.

    The plot (H, W, 3) is the network's input. Patches of its median colour are laid
    on it, half overlapping (Zeiler & Fergus 2014, arXiv:1311.2901).
    """
    height, width = plot.shape[:2]
    boxes = [
        (slice(y, y + height // PATCHES), slice(x, x + width // PATCHES))
        for y in range(0, height - height // PATCHES + 1, height // PATCHES // 2)
        for x in range(0, width - width // PATCHES + 1, width // PATCHES // 2)
    ]
    background = np.median(plot.reshape(-1, 3), axis=0).astype(np.uint8)
    whole = model.score(plot[None])[0, index]
    lost, covered = np.zeros((height, width)), np.zeros((height, width))
    for start in range(0, len(boxes), BATCH):
        some = boxes[start : start + BATCH]
        pictures = np.repeat(plot[None], len(some), axis=0)
        for picture, box in zip(pictures, some, strict=True):
            picture[box] = background
        left = np.maximum(model.score(pictures)[:, index], LEAST)
        for box, loss in zip(some, np.log(whole / left), strict=True):
            lost[box] += max(loss, 0.0)
            covered[box] += 1
    mean = lost / np.maximum(covered, 1)
    heat: NDArray[np.float64] = mean / max(mean.max(), LEAST)
    return heat


def draw_explanation(explanation: Explanation) -> Image.Image:
    """Draw the plot, and beside it the same in grey with what counts in orange."""
    width, height = PANEL
    size = (2 * width + 3 * MARGIN, height + MARGIN + STRIP)
    sheet = Image.new("RGB", size, "white")
    plot = Image.fromarray(explanation.plot).resize(PANEL)
    levels = Image.fromarray((255 * explanation.heat).astype(np.uint8))
    heat = levels.resize(PANEL).filter(ImageFilter.GaussianBlur(BLUR))
    sheet.paste(plot, (MARGIN, STRIP))
    sheet.paste(heated(plot, heat), (2 * MARGIN + width, STRIP))
    text = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=17)
    ending = f", {explanation.confidence:.1%}"
    name = in_plain_letters(explanation.label)
    while font.getlength(name + ending) > width:
        name = name.rstrip(".")[:-1] + "..."
    text.text((MARGIN, 8), name + ending, fill="black", font=font)
    text.text((2 * MARGIN + width, 8), explanation.method, fill="black", font=font)
    return sheet


def in_plain_letters(name: str) -> str:
    """Write a name in ASCII, all that Pillow's font surely has: e for é, else `?`."""
    letters = unicodedata.normalize("NFKD", name)
    bare = "".join(c for c in letters if not unicodedata.combining(c))
    return bare.encode("ascii", "replace").decode()


def heated(plot: Image.Image, heat: Image.Image) -> Image.Image:
    """Lay heat over a grey plot, with a line where it is half of its most."""
    grey = plot.convert("L").convert("RGB")
    colour = Image.new("RGB", plot.size, ORANGE)
    blend = Image.composite(colour, grey, heat.point(lambda level: int(0.55 * level)))
    levels = np.asarray(heat)
    inside = levels > levels.max() / 2
    edge = np.zeros_like(inside)
    edge[1:] |= inside[1:] ^ inside[:-1]
    edge[:, 1:] |= inside[:, 1:] ^ inside[:, :-1]
    pixels = np.asarray(blend).copy()
    pixels[edge] = EDGE
    return Image.fromarray(pixels)
