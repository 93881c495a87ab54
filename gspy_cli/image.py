"""From a figure to a network's input: the one preprocessing there is.

Training, evaluation and inference all come through here, so a model sees the same
pixels everywhere.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gspy_cli.figure import find_plot


def network_input(
    pixels: NDArray[np.uint8], *, height: int, width: int
) -> NDArray[np.uint8]:
    """Crop a figure (H, W, 3 or 4) to its plot and resize it to (height, width, 3)."""
    box = find_plot(pixels)
    plot = pixels[box.top : box.bottom, box.left : box.right]
    return resize(plot, height=height, width=width)


def resize(plot: NDArray[np.uint8], *, height: int, width: int) -> NDArray[np.uint8]:
    """Resize the pixels of a plot (H, W, 3 or 4) to (height, width, 3).

    A fourth byte is ignored.
    """
    layout = {3: "RGB", 4: "RGBX"}[plot.shape[2]]
    size = plot.shape[1], plot.shape[0]
    content = np.ascontiguousarray(plot)
    picture = Image.frombytes("RGB", size, content, "raw", layout)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
