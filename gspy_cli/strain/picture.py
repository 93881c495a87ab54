"""From energies to the pixels inside the axes of Gravity Spy's figure."""

import numpy as np
from numpy.typing import NDArray

from gspy_cli.strain.grid import column_cells
from gspy_cli.viridis import VIRIDIS

MAX_ENERGY = 25.5  # top of Gravity Spy's colour bar


def plot_pixels(energies: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour energies of shape (479, cells) as the plot shows them, (479, 573, 3).

    What matplotlib's `pcolormesh` draws: each pixel takes the colour of the one cell
    under its centre.
    """
    shown = energies[:, column_cells(energies.shape[1])]
    levels = shown * (len(VIRIDIS) / MAX_ENERGY)
    colours = np.clip(levels, 0, len(VIRIDIS) - 1).astype(np.uint8)
    pixels: NDArray[np.uint8] = VIRIDIS.take(colours, axis=0)
    return pixels
