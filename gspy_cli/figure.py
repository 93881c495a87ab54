"""Read a picture and find the plot in it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gspy_cli.errors import PictureError


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels; `right` and `bottom` lie just outside it."""

    left: int
    top: int
    right: int
    bottom: int


def read_figure(path: Path) -> NDArray[np.uint8]:
    """Decode a picture file to RGB pixels, shape (H, W, 3)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def find_plot(pixels: NDArray[np.uint8]) -> Box:
    """Find the plot area, without its frame, in a figure of shape (H, W, 3)."""
    raise PictureError("no plot found")
