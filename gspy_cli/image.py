"""From a figure to a network's input: the one preprocessing there is.

Training, evaluation and inference all come through here, so a model sees the same
pixels everywhere.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from PIL import Image

from gspy_cli.figure import find_plot


def network_input(
    pixels: NDArray[np.uint8], *, height: int, width: int
) -> NDArray[np.uint8]:
    """Crop a figure (H, W, 3 or 4) to its plot and resize it to (height, width, 3).

    Raises
    ------
    PictureError
        There is no spectrogram in the picture, or more than one.
    """
    return resize(find_plot(pixels).crop(pixels), height=height, width=width)


def resize(plot: NDArray[np.uint8], *, height: int, width: int) -> NDArray[np.uint8]:
    """Resize the pixels of a plot (H, W, 3 or 4) to (height, width, 3).

    A fourth byte is ignored. Pixels are averaged by whole numbers first, then
    interpolated: less than half the time of Pillow's plain bilinear, a shade from it.
    """
    layout = {3: "RGB", 4: "RGBX"}[plot.shape[2]]
    size = plot.shape[1], plot.shape[0]
    content, row = _memory(plot)
    picture = Image.frombytes("RGB", size, content, "raw", layout, row)
    bilinear = Image.Resampling.BILINEAR
    return np.asarray(picture.resize((width, height), bilinear, reducing_gap=1.0))


def _memory(plot: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """Give the bytes from a plot's first pixel to its last, and how many a row has.

    Those of a crop are not copied: the picture's margins lie between its rows.
    """
    length = plot[0].nbytes
    if not plot[0].flags.c_contiguous or plot.strides[0] < length:
        plot = np.ascontiguousarray(plot)
    row = plot.strides[0]
    whole = (len(plot) - 1) * row + length
    return as_strided(plot, (whole,), (1,), writeable=False), row
